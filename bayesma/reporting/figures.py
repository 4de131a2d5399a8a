"""Figures as SVG inside a page: text stays text, nothing is loaded, no two figures share a name."""

from __future__ import annotations

import io
import re

from markupsafe import escape
from matplotlib import rc_context
from matplotlib.figure import Figure

NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
FONT = "'DejaVu Sans'"
FONTS = f"{FONT}, Verdana, sans-serif"  # Verdana has nearly the same widths where DejaVu is missing

TAG = re.compile(r"<[^>]*>")
METADATA = re.compile(r"\s*<metadata>.*?</metadata>", flags=re.DOTALL)
STYLE = re.compile(r"\s*<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>")
DIGITS = re.compile(r"(\d\.\d\d)\d+")
NAMESPACES = re.compile(r'\s+xmlns(:\w+)?="[^"]*"')
UNUSED_ID = re.compile(r'\s+id="[A-Za-z0-9.]+_\d+"')  # matplotlib's groups, which nothing refers to


def inline_svg(figure: Figure, label: str) -> str:
    """A figure as one ``<svg>`` element for an HTML page.

    Parameters
    ----------
    figure
        Drawn with matplotlib, which escapes every text it writes.
    label
        What the figure shows, for readers who cannot see it; different for every figure of a page, since
        names within the figure derive from it. Plain text: it is escaped here.

    Returns
    -------
    str
        Markup without prologue, metadata, namespaces, names of groups, or more digits than a screen has.
    """
    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = TAG.sub(_lean, STYLE.sub("", METADATA.sub("", text)))
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1).strip()


def _lean(found: re.Match[str]) -> str:
    """One tag without what a page does not need."""
    tag = UNUSED_ID.sub("", NAMESPACES.sub("", found[0]))
    return DIGITS.sub(r"\1", tag).replace(FONT, FONTS)
