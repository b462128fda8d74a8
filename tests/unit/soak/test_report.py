"""What a run amounts to, and how it is told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from soaking.account import Account, Client, Hand, summed
from soaking.ledger import Counts
from soaking.report import document, page, text
from soaking.result import Did, Result, exit_code, figures, problems, seconds, verdict
from soaking.stages import Stage, plain, stage
from soaking.timeline import Timeline

ZERO = 1000.0


def hand(worker: int, confirmed: int, lost: int = 0, gap: tuple[float, float] = (2.0, 2.5)) -> Hand:
    timeline = Timeline(ZERO)
    for second in range(10):
        timeline.at(ZERO + second).confirmed += confirmed // 10
        timeline.at(ZERO + second).confirm.add(0.004)
        timeline.at(ZERO + second).delivery.add(0.008)
    counts = Counts(published=confirmed, confirmed=confirmed, delivered=confirmed - lost, lost=lost)
    span = (ZERO + gap[0], ZERO + gap[1])
    publisher = Client(span, [span], Counter({"reset": 1}))
    consumer = Client((ZERO + 1, ZERO + 1.1), [], Counter())
    missing = list(range(5, 5 + lost))
    account = Account(worker, f"brokerkit.soak.t.{worker}", counts, missing, publisher, consumer)
    return Hand(timeline, [account], stall=0.01 * worker)


def result(*hands: Hand, **changes: object) -> Result:
    made = Result(
        ["rabbit1"], "amqp", "quorum", 2, 20.0, 1024, None, 1.7e9, 10.0,
        summed(hands or (hand(1, 100), hand(0, 100, gap=(2.25, 4.25))), ZERO),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def did(**changes: object) -> Did:
    stages = (
        Stage(3.0, "begin", "x"),
        Stage(3.5, "task", "Stop <b>it</b>"),
        Stage(6.0, "end", "exit code 0"),
    )
    made = Did("do it & more", 0, 3.0, 6.0, False, stages, ("TASK [Stop <b>it</b>] ***", "ok"))
    return replace(made, **changes)  # type: ignore[arg-type]


def test_processes_add_up_and_times_count_from_the_beginning() -> None:
    total = result().sum
    assert [account.worker for account in total.accounts] == [0, 1]
    assert total.counts.confirmed == 200 and total.stall == 0.01
    assert total.timeline.whole()[9].confirmed == 20
    assert (total.longest, total.longest_confirm) == (2.0, 2.0)
    assert total.longest_delivery == pytest.approx(0.1)
    assert total.outages == [(2.0, 4.25)] and total.total_outages == [(2.25, 2.5)]
    assert total.reconnections == {"reset": 2}


def test_a_run_without_a_loss_is_good() -> None:
    assert problems(result()) == [] and exit_code(result()) == 0
    assert verdict(result()) == (
        "0 of 200 confirmed messages were lost; no client was without service for longer than 2.0 s."
    )
    assert "were lost during the operation" in verdict(result(did=did()))


def test_a_lost_message_is_a_failure_that_is_named() -> None:
    bad = result(hand(0, 100), hand(1, 100, lost=3))
    assert exit_code(bad) == 1
    assert "3 of 200 confirmed messages were lost (brokerkit.soak.t.1: 5 to 7)." in verdict(bad)


def test_nothing_confirmed_proves_nothing() -> None:
    assert exit_code(result(hand(0, 0))) == 1 and "nothing is proven" in verdict(result(hand(0, 0)))


def test_an_outage_is_a_failure_only_beyond_what_was_allowed() -> None:
    assert exit_code(result(max_outage=2.0)) == 0
    bad = result(max_outage=1.9)
    assert exit_code(bad) == 1
    assert verdict(bad) == (
        "A client was without service for 2.0 s, longer than the 1.9 s of --max-outage. "
        "0 of 200 confirmed messages were lost."
    )


def test_an_operation_that_failed_or_was_ended_is_a_failure() -> None:
    assert exit_code(result(did=did())) == 0
    assert "failed with exit code 2" in verdict(result(did=did(code=2)))
    assert exit_code(result(did=did(code=2))) == exit_code(result(did=did(code=None))) == 1
    ended = result(did=did(code=0, cut_off=True))
    assert exit_code(ended) == 1 and "may be half done" in verdict(ended)


def test_an_interruption_is_told_unless_there_is_worse() -> None:
    assert exit_code(result(interrupted=True)) == 130
    assert exit_code(result(hand(0, 10, lost=1), interrupted=True)) == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0 ms"), (0.0123, "12 ms"), (0.9996, "1.0 s"), (1.25, "1.2 s"), (61.0, "61.0 s")],
)
def test_durations_in_words(value: float, words: str) -> None:
    assert seconds(value) == words


def test_the_text_has_the_figures_and_ends_with_the_verdict() -> None:
    told = text.render(result(did=did(), not_deleted="it is gone", leftovers=["brokerkit.soak.t.0"]))
    assert told.startswith(
        "rabbit1: 10 s of 20 messages a second of 1,024 bytes over AMQP, quorum queues, 2 workers"
    )
    for line in (
        "  confirmed                 200  20 a second",
        "  during: do it & more",
        "  3.0 s, exit code 0",
    ):
        assert line in told.splitlines()
    assert "left behind: brokerkit.soak.t.0 (it is gone)" in told
    assert told.rstrip().endswith(verdict(result(did=did())))


def test_what_happened_only_sometimes_is_in_the_table_only_then() -> None:
    calm = {what: (value, remark) for what, value, remark in figures(result())}
    assert calm["published"] == ("200", "") and not {"of others", "refused", "blocked"} & set(calm)
    assert calm["time to confirm"] == ("4 ms", "p99 4 ms, longest 4 ms")
    assert calm["lost connections"] == ("2", "2 x reset") and calm["own pauses"][0] == "10 ms"
    assert calm["without service"] == (
        "2.0 s",
        "the longest for a client: 2.0 s without a confirm, 100 ms without a message; "
        "all publishers at once for 250 ms",
    )
    one = hand(0, 100)
    one.accounts[0].counts.add(Counts(republished=3, foreign=4, refused=5))
    one.blocked = 1.5
    stormy = {what: (value, remark) for what, value, remark in figures(result(one))}
    assert stormy["published"] == ("100", "and 3 again, without an answer or after a no")
    assert [stormy[what][0] for what in ("of others", "refused", "blocked")] == ["4", "5", "1.5 s"]
    assert "time to confirm" not in {what for what, _, _ in figures(result(Hand(Timeline(ZERO))))}


def test_the_document_has_everything_as_numbers() -> None:
    found = json.loads(document.render(result(did=did(), max_outage=5.0)))
    assert found["schema"] == 1 and found["exit_code"] == 0
    assert found["messages"]["confirmed"] == 200 and found["confirmed_per_second"] == 20.0
    assert found["seconds_to_confirm"]["p50"] == pytest.approx(0.004, rel=0.06)
    assert found["seconds_without_service"]["longest"] == 2.0
    assert found["seconds_without_service"]["at_most"] == 5.0
    assert found["outages"] == [[2.0, 4.25]] and found["outages_of_all_publishers"] == [[2.25, 2.5]]
    assert len(found["timeline"]) == 10 and found["timeline"][3]["confirmed"] == 20
    assert found["operation"]["stages"][1] == {"at": 3.5, "kind": "task", "name": "Stop <b>it</b>"}
    assert json.loads(document.render(result(rate=None)))["load"]["rate"] == "max"


def test_the_page_is_whole_and_nothing_in_it_is_taken_for_markup() -> None:
    html = page.render(result(did=did()))
    ours = html.replace(page.chart_html(result(did=did())), "")
    assert verdict(result(did=did())) in ours
    assert "do it &amp; more" in ours and "<b>it</b>" not in ours
    assert "<script src" not in html and "<link" not in ours
    assert 'name="viewport"' in ours and 'class="verdict"' in ours
    assert 'class="verdict failed"' in page.render(result(hand(0, 10, lost=1)))


def test_the_chart_has_the_outages_and_the_stages_on_its_time_axis() -> None:
    figure = page.chart(result(did=did()))
    shaded = {(shape.x0, shape.x1) for shape in figure.layout.shapes if shape.type == "rect"}
    assert shaded == {(2.0, 4.25), (2.25, 2.5)}
    marks = next(trace for trace in figure.data if trace.name == "stage")
    assert list(marks.x) == [3.0, 3.5, 6.0] and marks.text[1] == "Stop &lt;b>it&lt;/b>"
    confirmed = next(trace for trace in figure.data if trace.name == "confirmed")
    assert list(confirmed.y) == [20] * 10
    assert not [trace for trace in page.chart(result()).data if trace.name == "stage"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("TASK [rabbitmq : Restart the node] ********", Stage(1.5, "task", "rabbitmq : Restart the node")),
        ("PLAY [Restart] ****", Stage(1.5, "play", "Restart")),
        ("RUNNING HANDLER [again] ***", Stage(1.5, "task", "again")),
        ("PLAY [] ****", Stage(1.5, "play", "(without a name)")),
        ("ok: [rabbit1]", None),
        ("PLAY RECAP ****", None),
        ("  TASK [not at the beginning] **", None),
    ],
)
def test_stages_are_the_headings_of_ansible(line: str, found: Stage | None) -> None:
    assert stage(line, 1.5) == found


def test_colours_and_control_characters_are_left_out() -> None:
    assert plain("\x1b[0;32mok\x1b[0m\x07: fine \r\n") == "ok: fine"
