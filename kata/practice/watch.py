"""`make watch`: grades the step that is worked on at every save, and goes on to the next when it is green."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kata.core.paths import MODULE, shown
from kata.core.steps import STEPS, Step, read_hints
from kata.core.submission import Problem, find_tree, show_problem
from kata.grading.progress import GradeProgress
from kata.grading.scorecard import show_scorecard, show_step
from kata.grading.session import Session
from kata.grading.snapshot import Snapshot, take_snapshot
from kata.grading.supervisor import Interrupted
from kata.grading.verdict import Grade, StepGrade, mark_blocked
from kata.practice.diff import show_diff
from kata.practice.events import Inbox, Keys, Saves
from kata.practice.hints import show_hint

SAVED = "saved"


def watch(tree_name: str, console: Console) -> None:
    """Watch until `q` is pressed or the process is interrupted. Raises `WrongUsage` and `BrokenSetup`."""
    tree = find_tree(tree_name)
    with (
        Inbox() as inbox,
        Saves(tree / f"{MODULE}.py", lambda: inbox.put(SAVED)),
        Keys(inbox.put) as keys,
        Session(GradeProgress(console), wake=inbox.fileno()) as session,
    ):
        Watch(tree_name, tree, inbox, session, console, keys.are_there).run()


@dataclass
class Watch:
    """Where the learner stands, and what is said about it.

    :ivar step: the one that is worked on; None when all are green.
    :ivar green: for each step that was green, the text of the file that it was green with.
    """

    tree_name: str
    tree: Path
    inbox: Inbox
    session: Session
    console: Console
    has_keys: bool
    step: Step | None = STEPS[0]
    green: dict[str, str] = field(default_factory=dict)
    _unfinished: bool = True
    _hints_seen: int = 0

    def run(self) -> None:
        """Return when the learner quits."""
        while True:
            if self._unfinished:
                self._check()
            news = self.inbox.get()
            if news == "q":
                return
            try:
                self._answer(news)
            except Interrupted:
                self._unfinished = True

    def _answer(self, news: str) -> None:
        if news in (SAVED, "c", "\n", "\r"):
            self._unfinished = True
        elif news == "h":
            self._show_hint()
        elif news == "d":
            self._show_diff()
        elif news == "a":
            self._grade_all()
        else:
            self._say_keys()

    def _check(self) -> None:
        try:
            self._walk()
            self._unfinished = False
        except Interrupted:
            # What interrupted lies in the inbox; the check starts again after it.
            self._unfinished = True

    def _walk(self) -> None:
        """Grade the step that is worked on; while it is green, go on with the next."""
        if self.console.is_terminal:
            self.console.clear()
        snapshot = take_snapshot(self.tree)
        problem = snapshot.problem
        while problem is None and self.step is not None:
            grade = self._grade(snapshot, [self.step])
            if isinstance(grade, Problem):
                problem = grade
            elif not grade[0].is_green:
                self._show_where_it_stands()
                show_step(grade[0], self.console)
                break
            else:
                self.green[self.step.id] = snapshot.text
                self.console.print(Text(f" ✓ {self.step.name}, {self.step.title}, is green.", "bold green"))
                self._go_on()
        if problem is not None:
            show_problem(problem, self.console)
            self.console.print(Text(f" {problem.todo}"), soft_wrap=True)
        else:
            self._look_back(snapshot)
        self._say_keys()

    def _grade(self, snapshot: Snapshot, steps: list[Step]) -> list[StepGrade] | Problem:
        names = " and ".join(step.name for step in steps) if len(steps) <= 2 else f"{len(steps)} steps"
        with GradeProgress(self.console) as progress:
            self.session.progress = progress
            progress.working_on(f"checking {names}")
            problem = self.session.look_at(snapshot, steps)
            if problem is not None:
                return problem
            if any(step.runs_the_dag for step in steps):
                self.session.warm_up()
            return self.session.grade(snapshot, steps)

    def _go_on(self) -> None:
        self.step = next((step for step in STEPS if step.id not in self.green), None)
        self._hints_seen = 0

    def _look_back(self, snapshot: Snapshot) -> None:
        """Grade again what was green before with another text; the first that is not any more is what to work on."""
        before = STEPS if self.step is None else STEPS[: STEPS.index(self.step)]
        earlier = [step for step in before if self.green.get(step.id, snapshot.text) != snapshot.text]
        if not earlier:
            return
        grades = self._grade(snapshot, earlier)
        if isinstance(grades, Problem):
            return
        broken = [grade for grade in grades if not grade.is_green]
        self.green.update({grade.step.id: snapshot.text for grade in grades if grade.is_green})
        for grade in broken:
            del self.green[grade.step.id]
            self.console.print(Text(f" ✗ {grade.step.name} was green and is not any more.", "bold red"))
        if broken:
            self._go_on()
            show_step(broken[0], self.console)

    def _show_where_it_stands(self) -> None:
        assert self.step is not None
        marks = (
            ("✓ ", "green") if step.id in self.green else ("✗ ", "red") if step is self.step else ("· ", "dim")
            for step in STEPS
        )
        place = Text.assemble("\n ", *marks, (f" {self.step.name}, {self.step.title}", "bold"))
        self.console.print(place, Text(f" {shown(self.tree / f'{MODULE}.py')}\n", "dim"), sep="\n", soft_wrap=True)

    def _show_hint(self) -> None:
        if self.step is None:
            self.console.print(" All is green: there is nothing to hint at.")
            return
        self._hints_seen = min(self._hints_seen + 1, len(read_hints(self.step)))
        show_hint(self.step, self._hints_seen, self.console)

    def _show_diff(self) -> None:
        open_sections = {step.section for step in STEPS if step.id not in self.green}
        done = [step for step in STEPS if step.section not in open_sections]
        if not done:
            self.console.print(
                " The reference solution of a step is shown once the step is green. Before: make diff STEP=n PEEK=1"
            )
            return
        show_diff(self.tree, done[-1], self.console)

    def _grade_all(self) -> None:
        snapshot = take_snapshot(self.tree)
        grades = snapshot.problem or self._grade(snapshot, list(STEPS))
        problem = grades if isinstance(grades, Problem) else None
        steps = [StepGrade(step) for step in STEPS] if isinstance(grades, Problem) else grades
        if problem is None:
            mark_blocked(steps)
        show_scorecard(Grade(self.tree_name, steps, frozenset(step.id for step in STEPS), problem), self.console)

    def _say_keys(self) -> None:
        if self.step is None:
            self.console.print(Text(" Everything is green. Well done!", "bold green"))
        keys = "h hint · d diff of the last green step · a all · c check again · q quit"
        waiting = " Save the file to have it checked."
        self.console.print(Text(f"{waiting}  {keys}" if self.has_keys else f"{waiting}  Ctrl-C ends this.", "dim"))
