NOT_DONE = "not done yet"
RAISES = "raises where it must not"
NEVER_ENDS = "does not end"
