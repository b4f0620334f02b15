"""What somebody keeps beside the exercise is not graded: Airflow, which looks for DAGs, is not to run this file."""

import os

from airflow.sdk import DAG  # noqa: F401

os._exit(3)
