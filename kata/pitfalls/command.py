"""`make pitfall`."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from kata.core.console import StatusLine
from kata.core.environment import circumstances
from kata.core.files import write_between_marks
from kata.core.paths import ROOT, shown
from kata.pitfalls.catalog import PITFALLS, Pitfall, find_pitfall
from kata.pitfalls.experiment import carry_out

PAGE = ROOT / "docs" / "pitfalls.md"


def list_pitfalls(console: Console) -> None:
    """Print the name and the title of each."""
    for pitfall in PITFALLS:
        console.print(Text.assemble((f"  {pitfall.name:<24}", "bold"), pitfall.text()[0]))
    console.print("\nSee one happen, in a minute or two: make pitfall NAME=blocking_call")


def show_pitfall(name: str, write: bool, console: Console, progress: Console) -> None:
    """Run a mistake and its fix on an Airflow of its own, and print what was observed.

    :param write: whether to write it into the page, too.
    :raises WrongUsage: for an unknown name.
    :raises BrokenSetup: if Airflow does not do its part.
    """
    pitfall = find_pitfall(name)
    title, story = pitfall.text()
    console.print(Text.assemble((f"{title}\n\n", "bold"), story, "\n"), soft_wrap=True)
    with StatusLine(progress) as say:
        wrong, right = carry_out(pitfall, say)
    observed = ["wrong", *wrong.lines(), "", "right", *right.lines()]
    for line in observed:
        console.print(Text(line, "bold" if line in ("wrong", "right") else ""), soft_wrap=True)
    console.print(f"\nBoth are in {shown(pitfall.lesson)}.", highlight=False, soft_wrap=True)
    if write:
        write_part(pitfall, observed)
        console.print(f"Written into {shown(PAGE)}.", highlight=False)


def write_part(pitfall: Pitfall, observed: list[str]) -> None:
    """Replace the part of the page that is about this pitfall."""
    title, story = pitfall.text()
    seen = "Seen on {date}, Airflow {airflow}, Python {python}, {cores} cores:".format(**circumstances())
    link = f"`make pitfall NAME={pitfall.name}` runs [both](../{shown(pitfall.lesson)}). {seen}"
    part = [f"## {title}", "", story, "", link, "", "```text", *observed, "```", ""]
    write_between_marks(pitfall.name, "\n".join(part), PAGE)
