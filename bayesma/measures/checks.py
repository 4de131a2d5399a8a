"""Whether the roles and options of a call belong to its measure and go together."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np

from bayesma.errors import OptionError
from bayesma.measures import given
from bayesma.measures.base import Measure
from bayesma.measures.zero_cells import TO, ZeroCells


def check_roles(roles: Mapping[str, object], measure: Measure, *, ready: bool) -> None:
    """Raise `OptionError` for roles that are unknown, missing, or do not go together."""
    raw = () if measure.design is None else measure.design.allowed()
    _refuse_unknown(roles, measure, raw)
    for role, column in roles.items():
        if not isinstance(column, str):
            raise OptionError(f"{role} must be the name of a column, not {type(column).__name__}")
    strangers = [role for role in roles if role not in (given.ROLES if ready else raw)]
    if strangers:
        mate = "estimate" if ready else " and ".join(r for r in roles if r not in strangers) or measure.code
        mend = (
            "give either counts or means, or a ready estimate" if ready else "name the column of estimate too"
        )
        raise OptionError(f"{strangers[0]} does not go with {mate}; {mend}")
    if ready:
        if "estimate" not in roles:
            raise OptionError(f"{measure.code} needs the column of estimate; write estimate='...'")
        return
    _refuse_incomplete(roles, measure)


def _refuse_unknown(roles: Mapping[str, object], measure: Measure, raw: tuple[str, ...]) -> None:
    """Raise for a keyword that is no role of the measure, listing those that are."""
    allowed = tuple(dict.fromkeys((*raw, *given.ROLES)))
    for role in roles:
        if role not in allowed:
            close = difflib.get_close_matches(role, allowed, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise OptionError(
                f"{measure.code} has no role or option {role!r}{hint}; its roles are: {', '.join(allowed)}"
            )


def _refuse_incomplete(roles: Mapping[str, object], measure: Measure) -> None:
    """Raise unless each role of the design is filled exactly once."""
    if measure.design is None:
        return
    for role in measure.design.roles:
        other = measure.design.instead.get(role)
        if role not in roles and other not in roles:
            choice = role if other is None else f"{role} (or {other})"
            raise OptionError(
                f"{measure.code} also needs {choice}; it is computed from {measure.design.name}: "
                f"{', '.join(measure.design.roles)}"
            )
        if role in roles and other in roles:
            raise OptionError(f"{role} and {other} say the same; give one of them")


def check_options(measure: Measure, zero_cells: ZeroCells, *, ready: bool, level: float, ratio: bool) -> None:
    """Raise `OptionError` for options out of range, or given where they mean nothing."""
    if zero_cells.to not in TO:
        raise OptionError(f"to is {zero_cells.to!r}; it must be one of {', '.join(TO)}")
    if not (np.isfinite(zero_cells.correction) and zero_cells.correction >= 0):
        raise OptionError(f"correction is {zero_cells.correction}; it must be a number of at least 0")
    counts = not ready and measure.design is not None and measure.design.counts
    if not counts and zero_cells != ZeroCells():
        raise OptionError("correction and to apply to counts, and none are given; leave them out")
    if not ready and level != 0.95:
        raise OptionError("level is the level of ci_low and ci_high, and these are not given; leave it out")
    if ratio and not (ready and measure.scale == "log"):
        raise OptionError(
            f"ratio=True says that ready estimates of a ratio measure are not logged yet; {measure.code} "
            + ("is computed from raw data" if measure.scale == "log" else "is not a ratio")
            + "; leave it out"
        )
