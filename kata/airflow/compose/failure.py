"""What Docker's own words for a failure mean, and what to do."""

from __future__ import annotations

import re

_MEANINGS = (
    (
        r"permission denied while trying to connect",
        "You may not use Docker: your user is not in the group `docker`.",
    ),
    (
        r"cannot connect to the docker daemon|error during connect|docker daemon is not running|failed to connect",
        "Docker's engine is not running: start Docker Desktop, or the service `docker`.",
    ),
    (
        r"port is already allocated|address already in use|ports are not available",
        "The port is taken. Take another: KATA_PORT=8081 make up",
    ),
    (
        r"no space left on device",
        "There is no disk space left for Docker. `docker system df` shows what fills it.",
    ),
    (
        r"pull access denied|manifest unknown|failed to resolve|no such host|TLS handshake|toomanyrequests|i/o timeout",
        "An image cannot be fetched. Is this machine online? Then again: make up",
    ),
    (
        r"bind source path does not exist",
        "A folder of the clone that is mounted is missing. `git status` shows which; or KATA_TREE names none.",
    ),
)


def failure_of(printed: str, command: str) -> str:
    """One line on why a command failed, with Docker's own last words.

    :param printed: what it printed to standard error.
    :param command: how it was called.
    """
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, printed, re.IGNORECASE):
            return f"{meaning} (Docker says: {last})"
    return f"`{command}` failed: {last}"
