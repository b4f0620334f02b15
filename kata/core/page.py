"""Generated pages, all of which have the same layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(template: Path, **values: Any) -> str:
    """Render a page, which needs no other file.

    :param template: it extends ``page.html.jinja`` and imports its parts from ``parts.html.jinja``, in this folder.
    :param values: what the template refers to; all text is escaped, unless it is `markupsafe.Markup`.
    :return: HTML.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(values)
