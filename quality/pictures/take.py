"""`make screenshots`: takes the pictures of the README again: the solution's DAG on a real Airflow, in a real browser.

It fails, and leaves the old picture, if what a picture should show is not there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from rich.console import Console

from kata.airflow.arriving_files import ORDERS, UPLOAD, drop
from kata.airflow.local_airflow import LocalAirflow, own_airflow
from kata.core.command import exit_code
from kata.core.console import StatusLine
from kata.core.dag_run import DagRun
from kata.core.errors import BrokenSetup
from kata.core.paths import MODULE, ROOT, SOLUTION, shown
from kata.core.rest_api import poll_until
from kata.live.parts import TRIGGERS

PICTURES = ROOT / "docs" / "pictures"
WIDTH = 1280  # pixels
_TIMEOUT = 120.0  # seconds
# A user that is root has no sandbox; the only page is our own. Virtual time runs while the page loads nothing.
_OPTIONS = ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=20000")


def take(url: str, name: str, texts: tuple[str, ...], height: int) -> None:
    """Take a picture of a page.

    :param texts: have to be on the page.
    :param height: in pixels.
    :raises BrokenSetup: if the page does not show them, or there is no browser.
    """
    file = PICTURES / f"{name}.png"
    page = _chromium("--dump-dom", url).lower()
    if missing := [text for text in texts if text.lower() not in page]:
        raise BrokenSetup(f"{url} does not show {', '.join(missing)}: {shown(file)} is left as it was.")
    _chromium(f"--screenshot={file}", f"--window-size={WIDTH},{height}", url)
    print(f"{shown(file)}  {file.stat().st_size // 1024} KiB")


def _chromium(*arguments: str) -> str:
    """Run a headless Chromium, and return what it prints."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise BrokenSetup("There is no Chromium here. Debian and Ubuntu have it: apt install chromium")
    command = [program, *_OPTIONS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT).stdout


def take_all(airflow: LocalAirflow, say: StatusLine) -> None:
    """Run the DAG, and take a picture of each of its moments."""
    poll_until(lambda: MODULE in airflow.api.dag_ids(), _TIMEOUT)
    run = DagRun(airflow.api, MODULE)
    say("waiting for both tasks to be deferred")

    def deferred() -> set[str]:
        return {task.task_id for task in run.tasks() if task.state == "deferred" and task.is_watched}

    poll_until(lambda: deferred() == set(TRIGGERS), _TIMEOUT)
    url = f"{airflow.address}/dags/{MODULE}/runs/{run.run_id}"
    say("taking the pictures of the deferred tasks")
    take(url, "deferred", (*TRIGGERS, "Deferred"), 850)
    of_trigger = (TRIGGERS["monitor_client_uploads"], "Trigger class")
    take(f"{url}/tasks/monitor_client_uploads/details", "trigger", of_trigger, 640)
    for name in (UPLOAD, ORDERS):
        drop(airflow.data / name)
    say("waiting for the run to end")
    poll_until(lambda: run.state() == "success", _TIMEOUT)
    take(url, "finished", ("generate_trigger_report", "Success"), 560)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with StatusLine(Console(stderr=True)) as say, own_airflow(SOLUTION.parent, say) as airflow:
        take_all(airflow, say)


if __name__ == "__main__":
    sys.exit(exit_code(main))
