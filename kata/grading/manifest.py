"""The manifest: what the grader's own files are, so that changed ones are noticed.

It has the format of sha256sum. `make lint` writes it again, after a change that was meant.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator

from kata.core.files import write_atomically
from kata.core.paths import ROOT
from kata.core.submission import Problem

_FILE = ROOT / "kata" / "grading" / "manifest.sha256"
_FOLDERS = ("kata", "tests")
_SUFFIXES = (".py", ".toml", ".ini", ".json", ".jinja", ".md")


def changed_files() -> Problem | None:
    """Return a problem if a file of the grader is not as it came with the kata, is gone, or is new."""
    expected = dict(reversed(line.split("  ", 1)) for line in _FILE.read_text(encoding="utf-8").splitlines())
    found = {name: digest for digest, name in _digests()}
    changed = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if not changed:
        return None
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    what = f"Files of the grader are not as they came with the kata: {', '.join(changed[:3])}{more}."
    todo = "Put them back with: git checkout -- tests kata. New ones: git clean -i tests kata."
    return Problem(what, changed[0], f"{todo} If you have changed them on purpose: make lint.")


def write_manifest() -> None:
    """Take the files as they are now for those of the kata."""
    write_atomically(_FILE, "".join(f"{digest}  {name}\n" for digest, name in _digests()))


def _digests() -> Iterator[tuple[str, str]]:
    for folder in _FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in _SUFFIXES and path.is_file():
                # However git has written the ends of the lines.
                content = path.read_bytes().replace(b"\r\n", b"\n")
                yield hashlib.sha256(content).hexdigest(), str(path.relative_to(ROOT))


if __name__ == "__main__":
    is_old = changed_files() is not None
    write_manifest()
    sys.exit(f"{_FILE.relative_to(ROOT)} was written again: commit it." if is_old else 0)
