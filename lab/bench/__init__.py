"""What a trigger costs the triggerer that it shares with all others, measured through Airflow's own `TriggerRunner`."""
