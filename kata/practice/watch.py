"""`make watch`: grades the step that is worked on at every save, and goes on to the next when it is green."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kata.core.paths import MODULE, shown
from kata.core.steps import STEPS, Step, read_hints
from kata.core.submission import Problem, find_tree, show_problem
from kata.grading.manifest import changed_files
from kata.grading.progress import GradeProgress
from kata.grading.scorecard import show_scorecard, show_step
from kata.grading.session import Session
from kata.grading.snapshot import Snapshot, take_snapshot
from kata.grading.supervisor import Interrupted
from kata.grading.verdict import Grade, StepGrade, mark_blocked
from kata.practice.diff import show_diff
from kata.practice.events import SAVED, Events
from kata.practice.hints import show_hint


def watch(tree_name: str, console: Console) -> None:
    """Watch until `q` is pressed or the process is interrupted. Raises `WrongUsage` and `BrokenSetup`."""
    tree = find_tree(tree_name)
    with (
        Events(tree / f"{MODULE}.py") as events,
        Session(GradeProgress(console), wake=events.fileno()) as session,
    ):
        Watch(tree_name, tree, events, session, console).run()


@dataclass
class Watch:
    """Where the learner stands, and what is said about it.

    :ivar step: the one that is worked on; None when all are green.
    :ivar green: for each step that was green, the text of the file that it was green with.
    """

    tree_name: str
    tree: Path
    events: Events
    session: Session
    console: Console
    step: Step | None = STEPS[0]
    green: dict[str, str] = field(default_factory=dict)
    _hints_seen: int = 0

    def run(self) -> None:
        """Return when the learner quits."""
        event, is_checked = SAVED, False
        while event != "q":
            try:
                if event in (SAVED, "c", "\n", "\r"):
                    is_checked = False
                elif event == "h":
                    self._show_hint()
                elif event == "d":
                    self._show_diff()
                elif event == "a":
                    self._grade_all()
                else:
                    self._say_keys()
                if not is_checked:
                    self._check()
                is_checked = True
            except Interrupted:
                # By the next event; the check starts again after it.
                is_checked = False
            event = self.events.get()

    def _check(self) -> None:
        """Grade the step that is worked on; while it is green, go on with the next."""
        if self.console.is_terminal:
            self.console.clear()
        snapshot = take_snapshot(self.tree)
        problem = snapshot.problem or changed_files()
        while problem is None and self.step is not None:
            grade = self._grade(snapshot, [self.step])
            if isinstance(grade, Problem):
                problem = grade
            elif not grade[0].is_green:
                self._show_where_it_stands(self.step)
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
            if problem := self.session.look_at(snapshot, steps):
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
        grades = self._grade(snapshot, earlier) if earlier else []
        if isinstance(grades, Problem):
            return
        self.green.update({grade.step.id: snapshot.text for grade in grades if grade.is_green})
        broken = [grade for grade in grades if not grade.is_green]
        for grade in broken:
            del self.green[grade.step.id]
            self.console.print(Text(f" ✗ {grade.step.name} was green and is not any more.", "bold red"))
        if broken:
            self._go_on()
            show_step(broken[0], self.console)

    def _show_where_it_stands(self, current: Step) -> None:
        marks = (
            ("✓ ", "green") if step.id in self.green else ("✗ ", "red") if step is current else ("· ", "dim")
            for step in STEPS
        )
        self.console.print(Text.assemble("\n ", *marks, (f" {current.name}, {current.title}", "bold")), soft_wrap=True)
        self.console.print(Text(f" {shown(self.tree / f'{MODULE}.py')}\n", "dim"), soft_wrap=True)

    def _show_hint(self) -> None:
        if self.step is None:
            self.console.print(" All is green: there is nothing to hint at.")
            return
        self._hints_seen = min(self._hints_seen + 1, len(read_hints(self.step)))
        show_hint(self.step, self._hints_seen, self.console)

    def _show_diff(self) -> None:
        open_sections = {step.section for step in STEPS if step.id not in self.green}
        if done := [step for step in STEPS if step.section not in open_sections]:
            show_diff(self.tree, done[-1], self.console)
        else:
            when = "The reference solution of a step is shown once the step is green."
            self.console.print(f" {when} Before: make diff STEP=n PEEK=1")

    def _grade_all(self) -> None:
        snapshot = take_snapshot(self.tree)
        steps, problem = snapshot.problem or changed_files() or self._grade(snapshot, list(STEPS)), None
        if isinstance(steps, Problem):
            steps, problem = [StepGrade(step) for step in STEPS], steps
        else:
            mark_blocked(steps)
        show_scorecard(Grade(self.tree_name, steps, frozenset(step.id for step in STEPS), problem), self.console)

    def _say_keys(self) -> None:
        if self.step is None:
            self.console.print(Text(" Everything is green. Well done!", "bold green"))
        keys = "h hint · d diff of the last green step · a all · c check again · q quit"
        how = keys if self.events.has_keys else "Ctrl-C ends this."
        self.console.print(Text(f" Save the file to have it checked.  {how}", "dim"))
