"""`make pitfall`: what a mistake looks like on a real Airflow, and that it is gone with the cure."""
