"""The grade: the checks run in children that learner code may take down, and the verdicts on them."""
