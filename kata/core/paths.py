"""The folders and files of the clone."""

from __future__ import annotations

from pathlib import Path

MODULE = "trigger_implementation_exercise"

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".kata"
SUITE = ROOT / "tests"
# DAGs that a running Airflow has besides those of the submission.
DAGS = ROOT / "dags"
# What the DAGs of a running Airflow read and write.
DATA = ROOT / "data"
MONITORING = DATA / "monitoring"
SOLUTION = ROOT / "solution" / f"{MODULE}.py"
HINTS = ROOT / "kata" / "hints"
STARTER = ROOT / "kata" / "starter" / f"{MODULE}.py"


def shown(path: Path) -> str:
    """Return the path as a learner would type it: relative to the clone if it is inside."""
    try:
        return str(path.resolve().relative_to(ROOT))
    except (ValueError, OSError, RuntimeError):  # elsewhere, too long, or links in a circle
        return str(path)
