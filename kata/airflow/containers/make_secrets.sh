#!/usr/bin/env bash
# Makes the secrets that are not there yet; a second start keeps them. Group 0 may read them: that is Airflow.
set -euo pipefail
cd /run/kata
umask 0227

random() { head --bytes "$1" /dev/urandom | base64 --wrap 0 | tr '+/' '-_'; }

# Under another name first: a file that is there is whole.
keep() { [ -e "$1" ] || { printf %s "$2" > ".$1" && mv --force ".$1" "$1"; }; }

keep fernet_key "$(random 32)"
keep secret_key "$(random 48)"
keep jwt_secret "$(random 64)"
keep postgres_password "$(random 24)"
chown 999 postgres_password # the user `postgres` of its image
server="airflow:$(cat postgres_password)@postgres/airflow"
keep sql_alchemy_conn "postgresql+psycopg2://$server"
keep result_backend "db+postgresql://$server"

# A folder of root's: Airflow, which is in group 0, is to write there as well.
data=/opt/kata/data
[ "$(stat --format %u $data)" -ne 0 ] || { chgrp --recursive 0 $data && chmod --recursive g+rwX $data; }
