"""Where things lie in the clone."""

from __future__ import annotations

from pathlib import Path

MODULE = "trigger_implementation_exercise"

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".kata"
SUITE = ROOT / "tests"
# Further DAGs, which a running Airflow has beside those of the tree.
DAGS = ROOT / "dags"
# What the DAGs of a running Airflow read and write.
DATA = ROOT / "data"
MONITORING = DATA / "monitoring"
SOLUTION = ROOT / "solution" / f"{MODULE}.py"
HINTS = ROOT / "kata" / "hints"
STARTER = ROOT / "kata" / "starter" / f"{MODULE}.py"


def shown(path: Path) -> str:
    """The path as a learner would type it: relative to the clone where it lies inside."""
    try:
        return str(path.resolve().relative_to(ROOT))
    except ValueError:
        return str(path)
