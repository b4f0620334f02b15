"""What a learner uses besides the grade: watch, hints, diff, reset."""
