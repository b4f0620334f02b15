"""`make live`: the proof on a real scheduler, worker and triggerer."""
