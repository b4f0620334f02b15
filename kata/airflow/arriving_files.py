"""The files that the DAG waits for; `make drop` lets them arrive."""

from __future__ import annotations

import itertools
from pathlib import Path

from rich.console import Console

from kata.core.errors import WrongUsage
from kata.core.files import write_atomically
from kata.core.paths import DATA, shown

UPLOAD = "client_data/upload.csv"
ORDERS = "uploads/client_3/orders.csv"
WAITED_FOR_BY = {UPLOAD: "wait_for_upload", ORDERS: "monitor_client_uploads"}

_CLIENTS = range(1, 6)
_CONTENT = "order_id,client,amount\n1,client_3,19.90\n2,client_3,5.00\n"


def drop(file: Path) -> Path:
    """Put a CSV file with two rows there, and return it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # A task must never see an incomplete file.
    write_atomically(file, _CONTENT)
    return file


def drop_files(client: int | None, count: int, console: Console) -> None:
    """Let files arrive, each under a new name; without a client the daily upload and files of client 3.

    :raises WrongUsage: for a client or a number that there is not, or if the folder cannot be written to.
    """
    if client is not None and client not in _CLIENTS:
        raise WrongUsage(f"CLIENT={client}: the clients are {_CLIENTS[0]} to {_CLIENTS[-1]}.")
    if count < 1:
        raise WrongUsage(f"N={count}: at least one file has to arrive.")
    upload, orders = DATA / UPLOAD, DATA / "uploads" / f"client_{client or 3}" / "orders.csv"
    # An existing file is never overwritten.
    names = itertools.chain([orders], (orders.with_name(f"orders_{number}.csv") for number in itertools.count(2)))
    arriving = list(itertools.islice((file for file in names if not file.exists()), count))
    try:
        for file in arriving if client else [upload, *arriving]:
            there = f"is there      {shown(file)}" if file.exists() else f"file arrives  {shown(drop(file))}"
            console.print(there, highlight=False, soft_wrap=True)
    except PermissionError as error:
        place = shown(Path(error.filename))
        raise WrongUsage(f"{place} cannot be written to. Make it yours: sudo chown -R $USER data") from error


def files_there() -> list[Path]:
    """Return the existing files that a waiting task would find at once."""
    patterns = (UPLOAD, "uploads/*/*.csv", "many_waits/*/*/*.csv")
    return [file for pattern in patterns for file in sorted(DATA.glob(pattern))]
