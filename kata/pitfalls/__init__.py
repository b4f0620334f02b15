"""`make pitfall`: what a mistake does on a real Airflow, and that the fix prevents it."""
