"""`make race` and `make breakeven`: what deferring saves, measured on an Airflow of its own.

The race runs the same waiting tasks in four ways, one way after the other. Its terms are defined on its page,
`race.html.jinja`; they are the same in race.json. The break-even measures from which waiting time on deferring pays;
its terms are defined in `break_even.py`. A slot, and how long it is held, are the same in both.
"""
