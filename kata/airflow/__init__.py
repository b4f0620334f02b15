"""A running Airflow: one Deployment on this machine, one in Docker; and a single run of the DAG."""
