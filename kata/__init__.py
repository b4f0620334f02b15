"""The tool behind `make`: it grades a tree and runs its DAG."""
