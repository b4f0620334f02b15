"""`make drop`: files arrive where the DAG waits for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from kata.airflow.arriving_files import UPLOAD, drop
from kata.core.errors import WrongUsage
from kata.core.paths import DATA, shown

CLIENTS = range(1, 6)


def drop_files(client: int | None, count: int, console: Console) -> None:
    """Let files arrive, each under a new name; without a client the daily upload and files of client 3.

    :raises WrongUsage: for a client or a number that there is not, or if the folder cannot be written to.
    """
    if client is not None and client not in CLIENTS:
        raise WrongUsage(f"CLIENT={client}: the clients are {CLIENTS[0]} to {CLIENTS[-1]}.")
    if count < 1:
        raise WrongUsage(f"N={count}: at least one file has to arrive.")
    upload = DATA / UPLOAD
    orders = itertools.islice(_new_names(DATA / "uploads" / f"client_{client or 3}"), count)
    if client is None and upload.exists():
        console.print(f"is there      {shown(upload)}", highlight=False, soft_wrap=True)
    files = [*([upload] if client is None and not upload.exists() else []), *orders]
    try:
        for file in files:
            console.print(f"file arrives  {shown(drop(file))}", highlight=False, soft_wrap=True)
    except PermissionError as error:
        place = shown(Path(error.filename))
        raise WrongUsage(f"{place} cannot be written to. Make it yours: sudo chown -R $USER data") from error


def files_there() -> list[Path]:
    """Those that a wait would find at once."""
    return [
        file for pattern in (UPLOAD, "uploads/*/*.csv", "many_waits/*/*/*.csv") for file in sorted(DATA.glob(pattern))
    ]


def _new_names(directory: Path) -> Iterator[Path]:
    # What lies there is somebody's, and is never overwritten.
    names = itertools.chain(["orders.csv"], (f"orders_{number}.csv" for number in itertools.count(2)))
    return (directory / name for name in names if not (directory / name).exists())
