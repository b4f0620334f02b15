"""Runs a script that imports Airflow, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from kata.core.environment import child_environment
from kata.core.paths import ROOT, SOLUTION


def run_script(script: str, folder: Path) -> Any:
    """
    Run a script that can import the reference solution and everything in the clone.

    :param folder: for what the script writes.
    :return: the JSON in the last line that the script prints.
    """
    environment = child_environment(SOLUTION.parent, database=folder / "none.db", data=folder / "data")
    ended = subprocess.run(
        [sys.executable, "-c", dedent(script)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])
