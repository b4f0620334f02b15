"""`make run`: the DAG as `airflow dags test` runs it."""
