"""Charts of what was measured: drawn by a process of its own, with matplotlib in an environment of its own.

Not plotly: that needs a browser for a picture, and some megabytes of script in every page. matplotlib writes the
picture for a README and the drawing within a page from the same code, and no learner installs it to be graded.
"""
