"""`make bench`: what a trigger costs the triggerer that it shares, measured through Airflow's own `TriggerRunner`."""
