"""docs/troubleshooting.md has a place for all that `make live` recognises, and quotes the kata as it speaks."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from kata.airflow.deployment import CAUSES
from kata.core.paths import ROOT
from kata.grading.mistakes import MISTAKES
from kata.live.diagnosis import SIGNS

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
IN_BOLD = set(re.findall(r"\*\*([^*]+)\*\*", " ".join(PAGE.replace("\\_", "_").split())))
# What logs say stands in boxes of the kind "text", what the kata says in those of the kind "console"; a line that is
# indented there goes on with the one before.
BOXES = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FROM_LOGS = [box for kind, box in BOXES if kind == "text"]
FROM_THE_KATA = [line for kind, box in BOXES if kind == "console" for line in re.sub(r"\n  ", " ", box).splitlines()]
IN_THE_TEXT = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL))

# What `make live` tells by the state of a task, where no log gives it away.
BY_STATE = {"waits in the worker", "never fires"}
_SHORTEST = 5  # characters; what is shorter is in every message


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign["pattern"])
def test_every_sign_is_quoted(sign: dict[str, str]):
    pattern = sign["pattern"]
    assert any(re.search(f"^({pattern})", text, re.MULTILINE) for text in (*FROM_LOGS, *IN_THE_TEXT))


def test_the_names_of_the_mistakes_are_those_that_make_live_shows():
    assert IN_BOLD & set(MISTAKES) == {sign["mistake"] for sign in SIGNS} | BY_STATE


@pytest.mark.parametrize("message", FROM_THE_KATA)
def test_every_message_of_the_kata_is_still_spoken(message: str):
    message = re.sub(r" \(Docker says: .+\)", "", message)
    left = message
    for piece in _pieces():
        left = left.replace(piece, "")
    # Ports, names and the like remain.
    assert len(left) <= len(message) / 4, f"nowhere in the kata: {left}"


@cache
def _pieces() -> list[str]:
    """All that stands in quotes in the kata's code and causes, and what its Makefile echoes; the longest first."""
    files = [file.read_text(encoding="utf-8") for file in (ROOT / "kata").rglob("*.py")]
    constants = (node.value for file in files for node in ast.walk(ast.parse(file)) if isinstance(node, ast.Constant))
    echoed = re.findall(r'echo "([^"]+)"', (ROOT / "Makefile").read_text(encoding="utf-8"))
    quoted = [each for each in constants if isinstance(each, str)]
    quoted += [words for causes in CAUSES.values() for words in causes.values()]
    quoted += [piece for line in echoed for piece in re.split(r"\$\(\w+\)", line)]
    return sorted((each for each in set(quoted) if len(each) >= _SHORTEST), key=len, reverse=True)
