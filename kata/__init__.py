"""The tool behind `make`: it grades a tree and runs its DAG."""

import signal
import sys

if sys.argv[:1] == ["-m"]:
    # Until `kata.core.command` handles it, Ctrl-C ends `python -m kata` without Python's traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
