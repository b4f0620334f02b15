"""Every sentence of the contract has a check, and every check a sentence.

The contract is the docstrings of the starter and the comments of its DAGs. The files in `quality/contract` list the
sentences to the letter, each with what holds it, those of a DAG's comments under the name of its variable:

    ## MultiDirectoryTrigger.run

    Yield exactly one ``TriggerEvent``, then return.
      - test_run_is_an_async_generator
      - step_4: test_its_trigger_finds_the_file

A check stands with its case, `test_…[case]`, where only some cases are meant, and with a file's name in front where it
belongs to another file. In place of checks may stand `explains: <why there is none>`, or `checked by: <heading>` where
another docstring says the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kata.core.paths import STARTER
from kata.core.steps import STEPS
from kata.grading.session import Session
from kata.grading.skeleton import skeleton
from quality.contract_text import dag_comments, split

FOLDER = Path(__file__).parent / "contract"
PAGE = "page"  # a heading that is no name


@dataclass
class Sentence:
    """A sentence in a file, and the lines below it.

    :param file: the file's name without its suffix: "step_3".
    """

    file: str
    heading: str
    text: str
    below: list[str]

    def __str__(self) -> str:
        return f"{self.file}.md, {self.heading}: {self.text}"

    @property
    def checks(self) -> list[str]:
        """The checks, each with its file: "step_3: test_…"."""
        named = [line.removeprefix("- ") for line in self.below if line.startswith("- ")]
        return [name if re.match(r"\w+: ", name) else f"{self.file}: {name}" for name in named]

    def after(self, label: str) -> str:
        """Return the text of the line that begins with this label; "" if there is none."""
        return next((line.removeprefix(label) for line in self.below if line.startswith(label)), "")


def read(file: Path) -> Iterator[Sentence]:
    """Yield the sentences of one file: under each heading blocks of lines, those that are below indented."""
    for section in re.split(r"^## ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, *blocks = re.split(r"\n\s*\n", section.strip())
        for lines in map(str.splitlines, blocks):
            text = " ".join(line for line in lines if line[0] != " ")
            yield Sentence(file.stem, heading, text, [line.strip() for line in lines if line[0] == " "])


@pytest.fixture(scope="module")
def listed() -> list[Sentence]:
    """Return what the files list."""
    return [sentence for file in sorted(FOLDER.glob("*.md")) for sentence in read(file)]


@pytest.fixture(scope="module")
def suite(session: Session) -> set[str]:
    """Return all checks, as the files write them: "step_3: test_…[case]", whichever part of Step 3 has it."""
    files = {step: step.section.lower().replace(" ", "_") for step in STEPS}
    return {f"{files[step]}: {check.id.split('::')[1]}" for step in STEPS for check in session.checks(step)}


def meant(check: str, suite: set[str]) -> set[str]:
    """Return the checks that one line names: all cases if it names none."""
    return {one for one in suite if one == check or ("[" not in check and one.startswith(f"{check}["))}


def test_the_files_list_the_sentences_of_the_contract(listed: list[Sentence]):
    source = STARTER.read_text(encoding="utf-8")
    docs = {PAGE: ast.get_docstring(ast.parse(source)) or "", **dag_comments(source)}
    docs |= {name.name: name.doc for name in skeleton(source).values() if name.doc}
    contract = {(name, sentence) for name, doc in docs.items() for sentence in split(doc)}
    known = {(sentence.heading, sentence.text) for sentence in listed}
    assert not contract - known, "List these in quality/contract, each with the checks that hold it."
    assert not known - contract, "The starter does not say this any more; what about the checks below it?"


def test_every_sentence_says_what_holds_it(listed: list[Sentence]):
    headings = {sentence.heading for sentence in listed}
    for one in listed:
        explains, checked_by = one.after("explains: "), one.after("checked by: ")
        assert bool(one.checks) + bool(explains) + bool(checked_by) == 1, f"one of checks, explains:, checked by: {one}"
        assert len(one.below) == (len(one.checks) or 1), f"neither checks nor one reason: {one}"
        assert checked_by in {*headings, ""}, f"checked by: names no heading: {one}"


def test_every_check_that_is_named_exists_and_every_check_is_named(listed: list[Sentence], suite: set[str]):
    named = {check: sentence for sentence in listed for check in sentence.checks}
    missing = [f"{sentence}: {check}" for check, sentence in named.items() if not meant(check, suite)]
    assert not missing, "The suite has no such check."
    idle = suite - {one for check in named for one in meant(check, suite)}
    assert not idle, "No sentence in quality/contract names these checks; which one do they hold?"
