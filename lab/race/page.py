"""What came out, as one page that needs nothing else: for a colleague."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import lab.race
from lab.race.rows import Row, component_rows, result_rows, ways

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { line-height: 1.2; }
figure { margin: 1.5rem 0; overflow-x: auto; }
svg { width: 100%; height: auto; min-width: 40rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; white-space: nowrap; }
th, td { padding: .2rem .9rem .2rem 0; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child { text-align: left; font-weight: normal; white-space: pre; }
thead th, thead th:first-child { border-bottom: 1px solid #999; font-weight: bold; }
tbody tr:nth-child(even) { background: #f6f6f6; }
"""


def page(race: dict[str, Any], chart: str) -> str:
    """The page.

    :param race: what stands in race.json.
    :param chart: the drawing as SVG, or why there is none.
    """
    title = f"{race['waits']} waits for a file on {race['slots']} worker slots"
    figure = chart if chart.startswith("<svg") else f"<p>{escape(chart)}</p>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p>{escape(_where(race))}</p>
{_missing(race)}
<figure role="img" aria-label="{escape(title)}: the figures stand in the tables below">
{figure}
</figure>
<h2>Figures</h2>
{_table(ways(race), result_rows(race))}
<h2>CPU (cores) and memory (MiB) while they wait</h2>
{_table(["idle Airflow", *ways(race)], component_rows(race))}
<h2>What the words mean</h2>
{_meanings()}
<p>To take it again: <code>{escape(_command(race))}</code></p>
</body>
</html>
"""


def _where(race: dict[str, Any]) -> str:
    return (
        f"Measured on {race['date']} with Airflow {race['airflow']} (LocalExecutor, SQLite), Python {race['python']}, "
        f"{race['cores']} cores, {race['system']}. A sensor looks every {race['interval_seconds']:g} seconds. "
        f"The files arrive for all at once, {race['hold_seconds']:g} seconds after no more wait can start."
    )


def _missing(race: dict[str, Any]) -> str:
    if not race["interrupted"]:
        return ""
    return "<p><strong>The race was ended early: what it had measured by then is shown.</strong></p>"


def _command(race: dict[str, Any]) -> str:
    return f"make race WAITS={race['waits']} SLOTS={race['slots']} HOLD={race['hold_seconds']:g}"


def _table(columns: list[str], rows: list[Row]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in ["", *columns])
    body = "\n".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in rows
    )
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _meanings() -> str:
    """The list in the docstring of this package."""
    _, *points = re.split(r"^\* ", lab.race.__doc__ or "", flags=re.MULTILINE)
    items = (re.sub(r"\*([^*]+)\*", r"<em>\1</em>", escape(" ".join(point.split()))) for point in points)
    return "<ul>\n" + "\n".join(f"<li>{item}</li>" for item in items) + "\n</ul>"
