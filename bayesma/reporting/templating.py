"""How templates are filled: HTML with everything escaped, scripts with literals only."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def render(template: str, **values: Any) -> str:
    """Fill a template of the package; in HTML every value is escaped, and a missing one is an error."""
    return environment().get_template(template).render(values)


@cache
def environment() -> Environment:
    """The one place where templates are read."""
    made = Environment(
        loader=PackageLoader("bayesma.reporting", "templates"),
        autoescape=select_autoescape(["html.j2"], default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["literal"] = repr
    return made
