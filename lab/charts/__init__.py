"""Charts of what was measured, drawn by matplotlib in an environment of its own, which no learner needs.

Not plotly, which needs a browser to make a picture, and megabytes of script in every page. matplotlib makes the
picture for a README and the drawing in a page from the same code.
"""
