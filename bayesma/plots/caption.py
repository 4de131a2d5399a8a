"""What must be written under every figure? Priors, engine, and, loudly, a fit that did not converge."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes

from bayesma.errors import OptionError
from bayesma.plots import style
from bayesma.plots.text import line_height, text_width, wrap, write
from bayesma.posterior.provenance import Provenance

UNCONVERGED = "NOT CONVERGED: these numbers must not be used"
BANNER = 0.3  # inches


def check_ci_prob(ci_prob: float) -> None:
    """Raise unless an interval can have this probability."""
    if not 0.0 < ci_prob < 1.0:
        raise OptionError(f"ci_prob is {ci_prob!r}; it must lie between 0 and 1, for example 0.95")


def prior_sentence(origin: Provenance) -> str:
    """Every prior of the fit that is somebody's opinion, defaults marked."""
    standard = {p.name for p in origin.family.parameters(origin.options) if p.standard is not None}
    parts = [
        f"{name} ~ {prior}{' (default)' if name in origin.default_priors else ''}"
        for name, prior in origin.priors.items()
        if name not in standard
    ]
    return f"Priors: {', '.join(parts)}."


def assemble(origin: Provenance, sentences: Iterable[str]) -> str:
    """The caption: whether the fit may be believed, what the plot has to say, priors, engine."""
    opening = [] if origin.converged else [f"{UNCONVERGED}."]
    return " ".join([*opening, *sentences, prior_sentence(origin), f"Computed by {origin.route}."])


def heading_height(title: str | None, converged: bool, width: float) -> float:
    """Inches that title and banner take at the top."""
    lines = _title_lines(title, width)
    height = line_height(style.TITLE) * len(lines) + (0.08 if lines else 0.0)
    return height + (0.0 if converged else BANNER + 0.08)


def write_heading(sheet: Axes, y: float, title: str | None, converged: bool, width: float) -> None:
    """Banner of a fit that did not converge, then the title, from `y` downwards."""
    if not converged:
        sheet.axhspan(y, y + BANNER, facecolor=style.ALARM, edgecolor="none")
        size = style.TITLE
        while text_width(UNCONVERGED, size, True) > width - 2 * style.MARGIN and size > 5:
            size -= 0.5
        write(
            sheet,
            0.5 * width,
            y + 0.5 * BANNER,
            UNCONVERGED,
            size=size,
            bold=True,
            align="center",
            color="white",
        )
        y += BANNER + 0.08
    write(sheet, style.MARGIN, y, _title_lines(title, width), size=style.TITLE, bold=True, top=True)


def _title_lines(title: str | None, width: float) -> list[str]:
    """The title, wrapped to the figure."""
    return wrap(title, width - 2 * style.MARGIN, style.TITLE, bold=True) if title else []
