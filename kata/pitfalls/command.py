"""`make pitfall`."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from kata.core.console import Saying
from kata.core.environment import circumstances
from kata.core.paths import shown
from kata.pitfalls.lab import carry_out
from kata.pitfalls.page import PAGE, write_part
from kata.pitfalls.pitfall import PITFALLS, find_pitfall
from kata.pitfalls.telling import told


def list_pitfalls(console: Console) -> None:
    for pitfall in PITFALLS:
        console.print(Text.assemble((f"  {pitfall.name:<24}", "bold"), pitfall.title))
    console.print("\nSee one happen, in a minute or two: make pitfall NAME=blocking_call")


def show_pitfall(name: str, write: bool, console: Console, progress: Console) -> None:
    """Let it happen on an Airflow of its own, and show what is seen of it.

    :param write: also write that into the page.
    :raises WrongUsage: for a name that there is not.
    :raises BrokenSetup: if Airflow does not do its part.
    """
    pitfall = find_pitfall(name)
    console.print(Text.assemble((f"{pitfall.title}\n\n", "bold"), pitfall.story, "\n"), soft_wrap=True)
    with Saying(progress) as say:
        experiment = carry_out(pitfall, say)
    for line in told(experiment):
        console.print(Text(line, "bold" if line in ("wrong", "right") else ""), soft_wrap=True)
    console.print(f"\nBoth are in {shown(pitfall.lesson)}.", highlight=False, soft_wrap=True)
    if write:
        when = "Seen on {date}, Airflow {airflow}, Python {python}, {cores} cores".format(**circumstances())
        write_part(pitfall, when, told(experiment))
        console.print(f"Written into {shown(PAGE)}.", highlight=False)
