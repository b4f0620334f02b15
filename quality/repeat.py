"""The same tree graded again and again: are the verdicts the same?"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from kata.core.files import scratch_folder
from kata.core.paths import MODULE
from kata.grading.session import Session
from quality.classify import grade_tree
from quality.silence import Silence
from quality.trees import solution_but

# For every check its id, the kind of its failure, and the mistake that was named.
Verdicts = tuple[tuple[str, str | None, str], ...]
# A tree of which some is right and some is not: neither is to be a matter of luck.
UNFINISHED = ("2", "c2")


def verdicts_of_repeats(times: int, say: Callable[[str], None]) -> Counter[Verdicts]:
    """Grade an unfinished tree so often, half of the times with all cores busy; how often each outcome came.

    What keeps the cores busy is grading: three at once, where one takes two cores.
    """
    with scratch_folder() as folder:
        tree = Path(folder)
        (tree / f"{MODULE}.py").write_text(solution_but(*UNFINISHED), encoding="utf-8")
        seen: list[Verdicts] = []
        _grade(tree, times - times // 2, seen, say)
        shares = [len(range(first, times // 2, 3)) for first in range(3)]
        graders = [threading.Thread(target=_grade, args=(tree, share, seen, say)) for share in shares]
        for grader in graders:
            grader.start()
        for grader in graders:
            grader.join()
        assert len(seen) == times, "A grader has failed; its traceback is above."
        return Counter(seen)


def _grade(tree: Path, times: int, seen: list[Verdicts], say: Callable[[str], None]) -> None:
    with Session(Silence()) as session:
        for _ in range(times):
            verdicts = grade_tree(session, tree)
            seen.append(tuple((verdict.check.id, verdict.kind, verdict.mistake) for verdict in verdicts))
            say(f"same tree: graded {len(seen)} times, {len(set(seen))} outcome(s)")
