"""The same tree graded again and again: are the verdicts the same?"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kata.places import MODULE
from kata.scratch import scratch_folder
from kata.session import Session
from quality.classify import grade_tree
from quality.silence import Silence
from quality.trees import solution_but

Verdicts = tuple[tuple[str, str | None, str], ...]
# A tree of which some is right and some is not: neither is to be a matter of luck.
UNFINISHED = ("2", "c2")


@dataclass(frozen=True)
class Sameness:
    """How alike grades were.

    :param kinds: how many different outcomes there were.
    :param most_common: the outcome that came most often, `most_common_count` times: for every check its id, the kind
        of its failure, and the mistake that was named.
    """

    kinds: int
    most_common: Verdicts
    most_common_count: int


def same_verdicts(times: int, say: Callable[[str], None], busy: bool = False) -> Sameness:
    """Grade an unfinished tree many times, with all cores kept busy by others if asked for."""
    seen: Counter[Verdicts] = Counter()
    with scratch_folder() as folder, _busy_cores() if busy else contextlib.nullcontext(), Session(Silence()) as session:
        tree = Path(folder)
        (tree / f"{MODULE}.py").write_text(solution_but(*UNFINISHED), encoding="utf-8")
        for number in range(1, times + 1):
            verdicts = grade_tree(session, tree)
            seen[tuple((verdict.check.id, verdict.kind, verdict.mistake) for verdict in verdicts)] += 1
            if number % 5 == 0 or number == times:
                say(f"same tree{', all cores busy' if busy else ''}: {number} of {times}, {len(seen)} outcome(s)")
    [(most_common, count)] = seen.most_common(1)
    return Sameness(len(seen), most_common, count)


@contextlib.contextmanager
def _busy_cores() -> Iterator[None]:
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(os.cpu_count() or 1)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.join()


def _burn() -> None:
    while True:
        pass
