"""The whole Airflow of docker-compose.yaml, and the commands that start, show and end it."""
