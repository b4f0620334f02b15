"""`make hint`: the hints of a step or part, one level at a time."""

from __future__ import annotations

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from kata.core.errors import WrongUsage
from kata.core.steps import Step, read_hints


def list_parts(steps: tuple[Step, ...], console: Console) -> None:
    """Print the commands for the hints of each part of a step."""
    console.print(Text(f"\n {steps[0].section} has {len(steps)} parts, each with its own hints:\n"))
    for step in steps:
        console.print(Text.assemble((f"   make hint STEP={step.id}", "bold"), f"   {step.title}"))
    console.print()


def show_hint(step: Step, level: int, console: Console) -> None:
    """Print the hint of this level, from 1, and how to get the next. Raises `WrongUsage` for any other level."""
    hints = read_hints(step)
    if not 1 <= level <= len(hints):
        raise WrongUsage(
            f"LEVEL={level}: there are {len(hints)} hints for {step.name}. Choose LEVEL=1 to {len(hints)}."
        )
    hint = hints[level - 1]
    console.print(Text.assemble((f"\n {step.name}, {step.title}: ", "bold"), hint.title.lower()))
    console.print(Padding(Markdown(hint.text), (1, 1)))
    for link in step.read if level == len(hints) else ():
        console.print(Text(f" Read: {link}"), soft_wrap=True)
    if level < len(hints):
        console.print(Text.assemble((" More: ", "bold"), f"make hint STEP={step.id} LEVEL={level + 1}\n"))
