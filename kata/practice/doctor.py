"""`make doctor`: what this machine can do for the kata, in ten lines."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from kata.core.console import plain
from kata.core.environment import airflow_version, template_is_sound
from kata.core.errors import WrongUsage
from kata.core.paths import ROOT, STATE, shown
from kata.core.ports import is_free, wanted_port
from kata.grading.manifest import changed_files
from kata.grading.sandbox import find_sandbox

_GIB = 2**30
_LEAST_DISK, _LEAST_MEMORY = 2, 3  # GiB
# Ubuntu refuses namespaces to programs without a profile of AppArmor's; that of bubblewrap is in a package.
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_PROFILE = "bwrap-userns-restrict"
_ALLOW = (
    "sudo apt install bubblewrap apparmor-profiles && "
    f"sudo install -m 644 /usr/share/apparmor/extra-profiles/{_PROFILE} /etc/apparmor.d/ && "
    f"sudo apparmor_parser -r /etc/apparmor.d/{_PROFILE}"
)

_NEEDED = ("Python", "disk", "clone", "checks")

Finding = tuple[bool, str, str, str]


def show_findings(console: Console) -> bool:
    """Print a line for each thing that the kata needs; return whether nothing that it cannot do without is missing."""
    table = Table.grid(padding=(0, 2, 0, 0))
    findings = list(_findings())
    for is_well, name, found, todo in findings:
        mark = plain(" ✓" if is_well else " ✗", "green" if is_well else "red")
        table.add_row(mark, name, plain(f"{found}. {todo}".removesuffix(". ")))
    console.print(table)
    return all(is_well for is_well, name, _, _ in findings if name in _NEEDED)


def _findings() -> Iterator[Finding]:
    """Yield of each thing whether it is well, its name, what was found, and what to do if it is not well."""
    version = platform.python_version_tuple()
    yield (int(version[1]) >= 10, "Python", platform.python_version(), "")
    yield True, "Airflow", f"{airflow_version()}, in {shown(Path(sys.prefix))}", ""
    free = shutil.disk_usage(ROOT).free / _GIB
    yield free >= _LEAST_DISK, "disk", f"{free:.1f} GiB free", "" if free >= _LEAST_DISK else "Make room for 2 GiB."
    memory = psutil.virtual_memory().available / _GIB
    few = "" if memory >= _LEAST_MEMORY else "Airflow as a whole needs 3: close other programs before make standalone."
    yield memory >= _LEAST_MEMORY, "memory", f"{memory:.1f} GiB available, {os.cpu_count()} cores", few
    yield _writable()
    yield True, "database", shown(STATE), "" if template_is_sound() else "The next grade makes Airflow's database."
    problem = changed_files()
    yield (
        problem is None,
        "checks",
        problem.what if problem else "as they came with the kata",
        problem.todo if problem else "",
    )
    sandbox = find_sandbox()
    yield not sandbox.why, "sandbox", f"{sandbox.name}{f' ({sandbox.why})' if sandbox.why else ''}", _way_to_a_sandbox()
    yield _docker()
    yield _port()


def _writable() -> Finding:
    is_well = os.access(ROOT, os.W_OK)
    return is_well, "clone", str(ROOT), "" if is_well else "It cannot be written to: clone it to another place."


def _way_to_a_sandbox() -> str:
    if not find_sandbox().why:
        return ""
    if _APPARMOR.exists() and _APPARMOR.read_text().strip() == "1":
        return f"Ubuntu allows it after: {_ALLOW}"
    if platform.system() == "Linux":
        return "Grades are as right, but code that you do not trust belongs in a container."
    return "There is one on Linux only. Grades are as right; code that you do not trust belongs in a container."


def _docker() -> Finding:
    command = ["docker", "compose", "version", "--short"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=20)
        found = f"Compose {asked.stdout.strip()}" if asked.returncode == 0 else ""
        running = subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        found, running = "", False
    if found and running:
        return True, "Docker", found, ""
    return False, "Docker", f"{found}, not running" if found else "not found", "make standalone does without."


def _port() -> Finding:
    try:
        port = wanted_port()
    except WrongUsage as error:
        return False, "port", str(error), ""
    busy = "" if is_free(port) else f"make up KATA_PORT={port + 1} takes another one."
    return not busy, "port", f"{port} is {'in use' if busy else 'free'}", busy
