"""An Airflow of the kata's own on this machine, without Docker."""
