"""What a learner works with besides the grade: watch, hints, diff, reset."""
