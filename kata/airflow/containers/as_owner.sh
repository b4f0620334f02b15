#!/usr/bin/env bash
# Entrypoint of the Airflow containers: goes on as the user who owns data/ on the host, so that what Airflow makes there
# is theirs. The image allows for any user in group 0.
set -euo pipefail
uid=$(stat --format %u /opt/kata/data)
# Airflow is not to run as root. It gets at what belongs to root through the group.
[ "$uid" -ne 0 ] || uid=50000
export HOME=/home/airflow
umask 0002
exec setpriv --reuid "$uid" --regid 0 --clear-groups /entrypoint "$@"
