"""Health check inside a container: exit code 0 if the job of the given type on this host has a fresh heartbeat."""

from __future__ import annotations

import json
import socket
import sys
from urllib.parse import urlencode
from urllib.request import Request, urlopen

_API = "http://api-server:8080"


def _read(path: str, headers: dict[str, str]) -> dict:
    with urlopen(Request(_API + path, headers=headers), timeout=20) as response:
        return json.load(response)


def job_is_alive(job_type: str) -> bool:
    """Whether Airflow counts the newest job of this type, such as TriggererJob, on this host as alive."""
    # The newest alone: Airflow looks at the limit first, and then at who is alive.
    asked = urlencode({"job_type": job_type, "hostname": socket.getfqdn(), "order_by": "-start_date", "limit": 1})
    token = _read("/auth/token", {})["access_token"]
    return bool(_read(f"/api/v2/jobs?is_alive=true&{asked}", {"Authorization": f"Bearer {token}"})["jobs"])


if __name__ == "__main__":
    try:
        sys.exit(0 if job_is_alive(sys.argv[1]) else "no fresh heartbeat")
    except OSError as error:
        sys.exit(f"the REST API does not answer: {error}")
