"""Searches the files of a machine for texts; prints a JSON array of the paths that hold one of them.

Its question comes on standard input, so that no text stands in its arguments: a JSON object with `texts`, `roots` and
`who`, which is `root` (every file), `others` (files that any user can reach and read) or `mode` (files whose mode lets
others read, wherever they are).
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator


def reachable(folder: str) -> bool:
    """Whether any user may enter a directory, whose parents are known to be reachable."""
    return bool(os.stat(folder).st_mode & stat.S_IXOTH)


def files(root: str, who: str) -> Iterator[str]:
    """The regular files below `root` that the user can see."""
    for folder, folders, names in os.walk(root):
        if who == "others" and not reachable(folder):
            folders.clear()
            continue
        for name in names:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and (who == "root" or mode & stat.S_IROTH):
                yield path


def holds(path: str, texts: list[bytes]) -> bool:
    """Whether a file holds one of the texts."""
    with open(path, "rb") as handle:
        content = handle.read()
    return any(text in content for text in texts)


def main() -> None:
    """Answer the question of standard input."""
    asked = json.load(sys.stdin)
    texts = [text.encode() for text in asked["texts"]]
    found = []
    for root in asked["roots"]:
        for path in files(root, asked["who"]):
            try:
                if holds(path, texts):
                    found.append(path)
            except FileNotFoundError:
                continue  # it went while the search was under way
    print(json.dumps(sorted(found)))


if __name__ == "__main__":
    main()
