"""`make screenshots`: takes the pictures of the README again: the worked DAG on a real Airflow, in a real browser.

It fails, and leaves the old picture, if what a picture should show is not there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kata.airflow.arriving_files import ORDERS, UPLOAD, drop
from kata.airflow.local.airflow import LocalAirflow
from kata.airflow.local.own_airflow import own_airflow
from kata.core.console import Saying
from kata.core.dag_run import DagRun
from kata.core.errors import BrokenSetup
from kata.core.paths import MODULE, ROOT, SOLUTION, shown
from kata.core.rest_api import look_until
from kata.core.tool_environment import python_with
from kata.live.parts import TRIGGERS

PICTURES = ROOT / "docs" / "pictures"
PINNED = ("playwright==1.65.2", "pillow==13.0.0")
_PATIENCE = 120.0


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    :param path: of the page.
    :param shows: texts that have to be on it.
    :param height: in pixels.
    """

    name: str
    path: str
    shows: tuple[str, ...]
    height: int


class Browser:
    """A headless Chromium that looks at one Airflow."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._process = process
        self._address = address

    def take(self, picture: Picture) -> Path:
        """Take it; its file. Raises `BrokenSetup` if it would not show what it should."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        file = PICTURES / f"{picture.name}.png"
        wanted: dict[str, Any] = {
            "url": f"{self._address}{picture.path}",
            "shows": picture.shows,
            "file": str(file),
            "height": picture.height,
        }
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BrokenSetup("The browser has ended; what it said stands above.")
        if missing := json.loads(answer)["missing"]:
            raise BrokenSetup(f"{picture.path} does not show {', '.join(missing)}: {shown(file)} is left as it was.")
        return file


@contextmanager
def browser_on(address: str) -> Iterator[Browser]:
    """A browser in an environment of its own, which is made if it is not there."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise BrokenSetup("There is no Chromium here. Debian and Ubuntu have it: apt install chromium")
    command = [python_with("screenshots", *PINNED), Path(__file__).with_name("browser.py"), chromium]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Browser(process, address)
        finally:
            process.communicate()


def take_all(airflow: LocalAirflow, browser: Browser, say: Saying) -> Iterator[Path]:
    """Run the DAG, and take a picture of each of its moments; the files."""
    look_until(lambda: MODULE in airflow.api.dag_ids(), _PATIENCE)
    run = DagRun(airflow.api, MODULE)
    say("waiting for both tasks to be deferred")

    def deferred() -> set[str]:
        return {task.task_id for task in run.tasks() if task.state == "deferred" and task.is_watched}

    look_until(lambda: deferred() == set(TRIGGERS), _PATIENCE)
    path = f"/dags/{MODULE}/runs/{run.run_id}"
    say("taking the pictures of the deferred tasks")
    yield browser.take(Picture("deferred", path, (*TRIGGERS, "Deferred"), 850))
    trigger = (TRIGGERS["monitor_client_uploads"], "Trigger class")
    yield browser.take(Picture("trigger", f"{path}/tasks/monitor_client_uploads/details", trigger, 640))
    for name in (UPLOAD, ORDERS):
        drop(airflow.data / name)
    say("waiting for the run to end")
    look_until(lambda: run.state() == "success", _PATIENCE)
    yield browser.take(Picture("finished", path, ("generate_trigger_report", "Success"), 560))


def main() -> int:
    console = Console()
    PICTURES.mkdir(exist_ok=True)
    try:
        with (
            Saying(Console(stderr=True)) as say,
            own_airflow(SOLUTION.parent, say) as airflow,
            browser_on(airflow.address) as browser,
        ):
            for file in take_all(airflow, browser, say):
                console.print(f"{shown(file)}  {file.stat().st_size // 1024} KiB", highlight=False)
    except BrokenSetup as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
