"""Plain text and tables as Markdown in which nothing is markup, HTML included."""

from __future__ import annotations

import re

from bayesma.reporting.tables import Table

SPECIAL = re.compile(r"([\\`*_\[\]#|~<>&!$])")
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def escaped(text: str) -> str:
    """One line in which no character is markup."""
    line = " ".join(text.split())
    return SPECIAL.sub(lambda found: ENTITIES.get(found[0], f"\\{found[0]}"), line)


def markdown_table(table: Table) -> str:
    """The table in pipes."""
    heads = [f"{column.label} {column.detail}".strip() for column in table.columns]
    rules = ["---" if column.kind == "text" else "---:" for column in table.columns]
    lines = [[escaped(head) for head in heads], rules]
    lines += [[escaped(str(cell)) for cell in row.cells] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
