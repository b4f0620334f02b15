#!/usr/bin/env bash
# Health check: whether the newest job of a type, such as TriggererJob, on this host has a fresh heartbeat.
set -euo pipefail
api=http://api-server:8080
get() { curl --fail --silent --show-error --max-time 20 "$@"; }
token=$(get $api/auth/token | sed 's/.*"access_token": *"\([^"]*\)".*/\1/')
# The newest alone: Airflow applies the limit first, and then checks which are alive.
newest="job_type=$1&hostname=$HOSTNAME&order_by=-start_date&limit=1"
get --header "Authorization: Bearer $token" "$api/api/v2/jobs?is_alive=true&$newest" | grep '"id"' > /dev/null
