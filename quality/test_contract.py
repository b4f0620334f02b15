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
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kata.core.paths import MODULE, ROOT, SOLUTION, SUITE
from kata.core.steps import STEPS
from kata.grading.preflight import CollectWork
from kata.grading.skeleton import skeleton
from kata.grading.supervisor import Supervisor
from quality.contract_text import dag_comments, split

FOLDER = Path(__file__).parent / "contract"
STARTER = ROOT / "exercise" / f"{MODULE}.py"
PAGE = "page"  # a heading that is no name


@dataclass
class Sentence:
    """A sentence in a file, and what stands below it.

    :param file: the file's name without its suffix: "step_3".
    """

    file: str
    heading: str
    text: str
    checks: list[str] = field(default_factory=list)  # each with its file: "step_3: test_…"
    explains: str = ""
    checked_by: str = ""


def sentences_of(source: str) -> set[tuple[str, str]]:
    """All sentences of all docstrings and of the DAGs' comments, each with the name that it belongs to."""
    docs = {PAGE: ast.get_docstring(ast.parse(source)) or "", **dag_comments(source)}
    docs |= {name.name: name.doc for name in skeleton(source).values() if name.doc}
    return {(name, sentence) for name, doc in docs.items() for sentence in split(doc)}


def read(file: Path) -> Iterator[Sentence]:
    """The sentences of one file."""
    heading, sentence = "", None
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if line.startswith("## "):
            heading, sentence = text[3:], None
        elif not text or line.startswith("# "):
            sentence = None
        elif line[0] == " ":
            assert sentence, f"{file.name}, line {number}: there is no sentence right above: {text}"
            _note(sentence, text, f"{file.name}, line {number}")
        elif sentence:
            sentence.text += f" {text}"
        else:
            sentence = Sentence(file.stem, heading, text)
            yield sentence


def _note(sentence: Sentence, text: str, where: str) -> None:
    if text.startswith("- "):
        check = text[2:]
        sentence.checks.append(check if re.match(r"\w+: ", check) else f"{sentence.file}: {check}")
    elif text.startswith("explains: "):
        sentence.explains = text.partition(": ")[2]
    elif text.startswith("checked by: "):
        sentence.checked_by = text.partition(": ")[2]
    else:
        raise AssertionError(f"{where}: neither a check (- test_…) nor explains: nor checked by: but {text}")


@pytest.fixture(scope="module")
def listed() -> list[Sentence]:
    """What the files say. Sentences are complete once all of a file is read."""
    return [sentence for file in sorted(FOLDER.glob("*.md")) for sentence in list(read(file))]


@pytest.fixture(scope="module")
def suite(supervisor: Supervisor) -> set[str]:
    """All checks, as the files write them: "step_3: test_…[case]", whichever part of Step 3 has it."""
    job = {"tree": str(SOLUTION.parent), "suite": str(SUITE), "learner_file": str(SOLUTION)}
    collect = CollectWork(job, list(STEPS))
    supervisor.run([collect])
    return {f"{_file(step.section)}: {check.id.split('::')[1]}" for step in STEPS for check in collect.checks(step)}


def _file(step: str) -> str:
    return step.lower().replace(" ", "_")


def _meant(check: str, suite: set[str]) -> set[str]:
    """The checks that one line names: all cases where it names none."""
    return {one for one in suite if one == check or ("[" not in check and one.startswith(f"{check}["))}


def test_every_sentence_of_the_contract_is_listed(listed):
    known = {(sentence.heading, sentence.text) for sentence in listed}
    new = [f"{name}: {text}" for name, text in sorted(sentences_of(STARTER.read_text(encoding="utf-8")) - known)]
    assert not new, "List these in quality/contract, each with the checks that hold it:\n" + "\n".join(new)


def test_every_listed_sentence_is_in_the_contract(listed):
    contract = sentences_of(STARTER.read_text(encoding="utf-8"))
    gone = [f"{one.file}.md, {one.heading}: {one.text}" for one in listed if (one.heading, one.text) not in contract]
    assert not gone, "The starter does not say this any more; what about the checks below it?\n" + "\n".join(gone)


def test_every_sentence_says_what_holds_it(listed):
    bare = [one for one in listed if bool(one.checks) + bool(one.explains) + bool(one.checked_by) != 1]
    told = "\n".join(f"{one.file}.md, {one.heading}: {one.text}" for one in bare)
    assert not bare, f"These need either checks, or explains:, or checked by:, and only one of them:\n{told}"
    headings = {one.heading for one in listed}
    pointing = [one for one in listed if one.checked_by and one.checked_by not in headings]
    nowhere = [f"{one.file}.md: {one.checked_by}" for one in pointing]
    assert not nowhere, "checked by: names no heading:\n" + "\n".join(nowhere)


def test_every_check_that_is_named_exists(listed, suite):
    named = [(sentence, check) for sentence in listed for check in sentence.checks]
    missing = [f"{one.file}.md, {one.heading}: {check}" for one, check in named if not _meant(check, suite)]
    assert not missing, "The suite has no such check:\n" + "\n".join(missing)


def test_every_check_holds_a_sentence(listed, suite):
    held = {one for sentence in listed for check in sentence.checks for one in _meant(check, suite)}
    idle = sorted(suite - held)
    assert not idle, "No sentence in quality/contract names these checks; which one do they hold?\n" + "\n".join(idle)
