"""What measures Airflow, and what came of it. Nobody needs it to learn."""
