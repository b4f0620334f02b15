"""The grade: checks run in child processes, which a submission may crash; their verdicts, and the scorecard."""
