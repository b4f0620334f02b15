"""A running Airflow: on this machine, or in Docker."""
