"""Ansible's own screen output, except that Brokerkit's refusals are printed once, as sentences."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = """
    name: sentences
    type: stdout
    short_description: default screen output, with refusals as sentences
    description:
      - The default callback, with all its options. A failure of the action C(broker_refusal), or of one of Brokerkit's
        modules, is printed once, wrapped for the terminal, for all hosts that it is the same of; the default callback
        prints it once between source lines and once as YAML. With C(-vvv) the default's output follows.
    extends_documentation_fragment:
      - default_callback
      - result_format_callback
    requirements:
      - set as stdout in configuration
"""

# The messages of our own modules, and of the module that starts brokers, are complete.
_OURS = "brokerkit.brokers."
_STARTS_BROKERS = "ansible.builtin.systemd_service"
_SAY_WHY = ("brokerkit.brokers.broker_refusal", "brokerkit.brokers.broker_diagnosis")
_WIDEST = 100  # longer lines are hard to read
_PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
_START_AT = (
    "--start-at-task: skips the checks that come first, and what the later tasks have to know of the hosts. "
    "Run it without: a run resumes where the last one ended, and steps already done take seconds. "
    "Nothing was changed"
)


def wrapped(text: str, width: int, first: str, further: str) -> list[str]:
    """Return lines of at most `width` columns; paths and names stay whole, to be copied."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def more(sentences: list[str]) -> list[str]:
    """Return where docs/troubleshooting.md says more, as lines; loaded when there is something to refuse."""
    from ..module_utils.brokers.knowledge import articles

    places = dict.fromkeys(place for one in sentences if (place := articles.place(one)))
    return [f"  more: {place}" for place in places]


def refusal(hosts: list[str], sentences: list[str], words: list[str], width: int) -> str:
    """Return what is printed: the hosts, a list of sentences, the words of the broker, and where there is more."""
    lines = wrapped(f"fatal: [{', '.join(hosts)}]: FAILED!", width, "", "  ")
    for sentence in sentences:
        lines += wrapped(sentence, width, "  * ", "    ")
    for line in words:
        lines += wrapped(line, width, "  | ", "    ")
    return "\n".join(lines + more(sentences))


def flushing(name: str) -> Callable[..., None]:
    """Return the default callback's method of that name, which first prints the pending refusals."""

    def method(self: CallbackModule, *arguments: Any, **options: Any) -> None:
        self.print_refusals()
        getattr(super(CallbackModule, self), name)(*arguments, **options)

    return method


class CallbackModule(Default):
    """What Ansible looks for in this file.

    Ansible tells of one host's result after the other: a refusal waits for the end of its task, so that hosts of which
    the same is true are named together. Results are read by the names that they have in versions before 2.19 too: those
    are refused in a sentence that has to be shown.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "brokerkit.brokers.sentences"

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        self._offers = False  # whether this run is one that the doctor may help with
        self._ill: set[str] = set()

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Hold a refusal back until its task ends; print anything else as the default callback does."""
        found = result._result
        # What a module says comes with how it was called. A task that Ansible could not begin has no such thing: there
        # the source lines are of use.
        action = str(result._task.action)
        # What a refusal says is why; what a broker or a host says may have a cause that it does not name.
        if not ignore_errors and (action not in _SAY_WHY or found.get("words")):
            self._ill.add(result._host.get_name())
        ours = action.startswith(_OURS) or action == _STARTS_BROKERS
        said = "sentences" in found or (ours and "invocation" in found)
        if not said or ignore_errors or "module_stderr" in found or self._display.verbosity > 2:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        if self._last_task_banner != result._task._uuid:
            self._print_task_banner(result._task)
        self._handle_warnings(found)
        self._print_report(found)
        sentences, words = found.get("sentences", found["msg"].splitlines()), found.get("words", [])
        self._waiting.setdefault((tuple(sentences), tuple(words)), []).append(result._host.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        """Print a report as it is; anything else as the default callback does."""
        super().v2_runner_on_ok(result)
        self._print_report(result._result)

    def _print_report(self, found: Any) -> None:
        """Print the text of a result that is a report, such as that of broker_diagnosis."""
        if found.get("report"):
            self._display.display(f"\n{found['report']}\n")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Print that a host cannot be reached, as the default callback does."""
        super().v2_runner_on_unreachable(result)
        self._ill.add(result._host.get_name())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the recap, and below it who finds out what is wrong with hosts that failed."""
        self.print_refusals()
        super().v2_playbook_on_stats(stats)
        if self._ill and self._offers:
            sources = " ".join(f"-i {shlex.quote(one)}" for one in context.CLIARGS.get("inventory") or ())
            words = f"ansible-playbook {sources} playbooks/doctor.yml --limit {','.join(sorted(self._ill))}"
            self._display.display(f"To find out what is wrong:\n  {words}\n")

    def v2_runner_retry(self, result: Any) -> None:
        """Print what the task is waiting for, if it says so; a retry is not a failure."""
        waiting = result._result.get("waiting")
        if not waiting:
            super().v2_runner_retry(result)
            return
        if self._last_task_banner != result._task._uuid:
            self._print_task_banner(result._task)
        lines = wrapped(f"waiting: [{result._host.get_name()}]: {waiting}", self.width(), "", "  ")
        self._display.display("\n".join(lines), color=constants.COLOR_WARN)

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Refuse to start one of Brokerkit's playbooks in the middle; a task could not, as it would be skipped."""
        folders = {Path(play._included_path or playbook._basedir).resolve() for play in playbook.get_plays()}
        own = Path(playbook._file_name).name
        self._offers = _PLAYBOOKS in folders and own not in ("doctor.yml", "audit.yml")
        if context.CLIARGS.get("start_at_task") and _PLAYBOOKS in folders:
            lines = wrapped(_START_AT, self.width(), "  * ", "    ")
            self._display.display(
                "\n".join(["fatal: FAILED!", *lines]), color=constants.COLOR_ERROR, stderr=True
            )
            sys.exit(2)  # Ansible goes on after an exception of a callback
        super().v2_playbook_on_start(playbook)

    @staticmethod
    def width() -> int:
        """Return the maximum width of a line."""
        return min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)

    def print_refusals(self) -> None:
        """Print the pending refusals."""
        waiting, self._waiting = self._waiting, {}
        width = self.width()
        for (sentences, words), hosts in waiting.items():
            self._display.display(
                refusal(hosts, list(sentences), list(words), width),
                color=constants.COLOR_ERROR,
                stderr=self.get_option("display_failed_stderr"),
            )

    v2_playbook_on_task_start = flushing("v2_playbook_on_task_start")
    v2_playbook_on_handler_task_start = flushing("v2_playbook_on_handler_task_start")
    v2_playbook_on_include = flushing("v2_playbook_on_include")
    v2_playbook_on_play_start = flushing("v2_playbook_on_play_start")
    v2_playbook_on_no_hosts_remaining = flushing("v2_playbook_on_no_hosts_remaining")
