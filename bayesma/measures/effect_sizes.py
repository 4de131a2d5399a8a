"""From a table of studies to `Effects`: the one public way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesma.errors import DataError, OptionError
from bayesma.evidence.columns import Columns, Mask
from bayesma.evidence.effects import Effects
from bayesma.evidence.suspicions import (
    Suspicion,
    named_person_time,
    of_estimates,
    of_labels,
    repeated_estimates,
    warn,
)
from bayesma.evidence.validation import checked_event, require_columns, source_of, study_labels
from bayesma.measures import given
from bayesma.measures.base import MEASURES, Measure
from bayesma.measures.checks import check_options, check_roles
from bayesma.measures.zero_cells import ZeroCells


def effect_sizes(
    frame: pd.DataFrame,
    measure: str,
    *,
    study: str | Sequence[str] | None = None,
    correction: float = 0.5,
    to: str = "only0",
    level: float = 0.95,
    ratio: bool = False,
    drop_unusable: bool = False,
    event: str | None = None,
    **roles: str,
) -> Effects:
    """Compute an effect size and its standard error for every study of a table.

    Parameters
    ----------
    frame
        One row a study; from `read_studies`, `load_data` or built by hand.
    measure
        ``"MD"``, ``"SMD"``, ``"OR"``, ``"RR"``, ``"RD"``, ``"PLO"``, ``"GEN"`` or ``"MC"``;
        `list_measures` describes them.
    study
        Column of the labels, or several to be joined by a space. Labels must be unique. Without it the
        studies are called ``study 1``, ``study 2`` and so on.
    correction, to
        Continuity correction, for counts only: `correction` is added to all cells (events and non-events of
        every arm) of the tables named by `to`: ``"only0"`` those with an empty cell, ``"all"``, ``"if0all"``
        all if any has one, ``"none"``.
        It applies to RD too, as in metafor. Which studies were corrected stands in `Effects.notes`.
    level
        Confidence level of `ci_low` and `ci_high`, between 0 and 1.
    ratio
        For OR and RR given as estimates: True says that `estimate` and its interval are printed as ratios;
        they are then logged. By default they are expected on the log scale.
    drop_unusable
        Leave out studies with an empty cell or from which the measure cannot be computed, and list them in
        `Effects.notes`. By default they are an error. Impossible numbers are always an error.
    event
        What was counted (OR, RR, RD, PLO), in one or two words, as in ``"alive"`` or ``"response"``: tables
        and figures call it so.
    **roles
        Which column plays which role, as ``role="column"``:

        - OR, RR, RD: `events_treat`, `n_treat`, `events_ctrl`, `n_ctrl`, where `nonevents_treat` and
          `nonevents_ctrl` may stand for `n_treat` and `n_ctrl`;
        - PLO: `events`, `n`, where `nonevents` may stand for `n`;
        - MD, SMD: `mean_treat`, `sd_treat`, `n_treat`, `mean_ctrl`, `sd_ctrl`, `n_ctrl`;
        - GEN, MC, and any measure published ready: `estimate`, on the analysis scale, with `se`, or
          `variance`, or `ci_low` and `ci_high`, or `p_value` (two-sided); and, where
          known, the sample size as `n`, or `n_treat` and `n_ctrl`. With it the p-value of an MD, SMD or MC is
          taken as that of a t-test, else as that of a z-test.

    Returns
    -------
    Effects
        Estimates and standard errors, shape (k,), on the analysis scale (natural log for OR and RR; units
        of the outcome for MD; pooled SDs for SMD; probability for RD), treated minus control; for PLO the
        log odds of the event. `n` is the total sample size, `table` the rows they came from, with their
        index.

    Raises
    ------
    OptionError
        For an unknown measure, role or option, listing what is allowed, and for roles that are missing
        or do not go together.
    DataError
        For a missing column or a cell that cannot be right (empty, not finite, no number, negative or
        fractional counts, more events than patients, an arm without patients, an SD of 0 or below, an
        estimate outside its interval, a repeated label), naming file, row, study, value and mend.

    Warns
    -----
    DataWarning
        For what is possible but nearly always a slip: arms more than 3 SDs apart, the same patients in two
        rows (both arms, or one control group several times), an interval lopsided about its estimate, an SE
        that no SMD of that size can have, an SMD beyond 3, n that looks or is called like person-time, the
        same estimate and SE twice, proportions or per cent in place of logits, ratios in place of their logs,
        a label that is another one but for capitals, several that begin alike, and one of a total.

    Notes
    -----
    SMD is Hedges' g with the exact correction and the variance 1/n1 + 1/n2 + g^2 / (2 (n1 + n2)) [1]_; the
    other formulas and the handling of empty cells are those of metafor [2]_, the standard errors from
    intervals and p-values those of [3]_ and [4]_.

    References
    ----------
    .. [1] Hedges 1981, doi 10.3102/10769986006002107
    .. [2] Viechtbauer 2010, doi 10.18637/jss.v036.i03
    .. [3] Altman and Bland 2011, doi 10.1136/bmj.d2304
    .. [4] Altman and Bland 2011, doi 10.1136/bmj.d2090

    Examples
    --------
    >>> from bayesma.evidence.readers import load_data
    >>> from bayesma.measures import effect_sizes
    >>> effects = effect_sizes(
    ...     load_data("bcg"), "RR", study=["author", "year"],
    ...     events_treat="tpos", nonevents_treat="tneg", events_ctrl="cpos", nonevents_ctrl="cneg",
    ... )
    >>> effects.study[0].item(), round(effects.y[0].item(), 4), round(effects.se[0].item(), 4)
    ('Aronson 1948', -0.8893, 0.5706)
    """
    named = checked_event(event)
    if named is not None and not MEASURES[measure].counts:
        raise OptionError(
            f"event is {event!r}, and a {MEASURES[measure].name} counts no events; leave event out"
        )
    found = _computed_rows(
        frame, measure, study, ZeroCells(correction, to), (level, ratio, drop_unusable), roles
    )
    warn([*found.between, *found.within], found.columns.place)
    return replace(found.effects, event=named)


def visit_effects(
    frame: pd.DataFrame,
    measure: str,
    *,
    study: str | Sequence[str] | None = None,
    correction: float = 0.5,
    to: str = "only0",
    level: float = 0.95,
    ratio: bool = False,
    drop_unusable: bool = False,
    **roles: str,
) -> Effects:
    """Compute an effect size for every row of a table whose rows are visits and no studies.

    Arguments, result and errors are those of `effect_sizes`. What is suspicious only between studies is not
    said: visits of one study share their label, and often their control group.
    """
    found = _computed_rows(
        frame, measure, study, ZeroCells(correction, to), (level, ratio, drop_unusable), roles
    )
    warn(found.within, found.columns.place)
    return found.effects


@dataclass(frozen=True, slots=True)
class _Rows:
    """Effects by row, the columns they came from, and what is suspicious between rows and within one."""

    effects: Effects
    columns: Columns
    between: list[Suspicion]
    within: list[Suspicion]


def _computed_rows(
    frame: pd.DataFrame,
    measure: str,
    study: str | Sequence[str] | None,
    zero_cells: ZeroCells,
    said: tuple[float, bool, bool],
    roles: Mapping[str, str],
) -> _Rows:
    """The effects of `effect_sizes`; `said` is level, ratio and drop_unusable."""
    (level, ratio, drop_unusable), declared = said, MEASURES[measure]
    ready = "estimate" in roles or declared.design is None
    check_roles(roles, declared, ready=ready)
    check_options(declared, zero_cells, ready=ready, level=level, ratio=ratio)
    if ready:
        given.check_precision(roles, ratio=ratio, level=level)
    require_columns(frame, list(roles.values()))
    if frame.empty:
        raise DataError(f"{source_of(frame) or 'the table'} holds no study; at least one is needed")
    names = study_labels(frame, study)
    if "p_value" in roles:
        given.refuse_bounds(frame, roles["p_value"], names)
    columns = Columns.read(frame, roles, names)
    columns, left_out = _complete(columns, optional=given.SIZES if ready else (), drop=drop_unusable)
    read, between = columns, of_labels(columns.studies.tolist())
    if ready:
        numbers = given.read_ready(columns, declared, ratio=ratio, level=level)
    else:
        columns, numbers, undefined, repeated = _computed(columns, declared, zero_cells, drop=drop_unusable)
        left_out = (*left_out, *undefined)
        between += repeated
    effects = Effects.computed(
        numbers.y,
        numbers.se,
        columns.studies.tolist(),
        measure,
        n=numbers.n,
        table=frame.iloc[columns.positions],
        source=columns.source,
        notes=(*left_out, *numbers.notes),
    )
    at = np.searchsorted(read.positions, columns.positions)
    within = of_estimates(effects.y, effects.se, measure, typed=ready and not ratio)
    if ready:
        between += repeated_estimates(effects.y, effects.se, columns.studies.tolist())
    within = [replace(suspicion, row=int(at[suspicion.row])) for suspicion in within]
    return _Rows(effects, read, between, [*named_person_time(read.names), *within])


def _complete(columns: Columns, *, optional: tuple[str, ...], drop: bool) -> tuple[Columns, tuple[str, ...]]:
    """Studies without empty or infinite cells, and a sentence on those left out."""
    blank = columns.blank(optional=optional)
    if not drop:
        mend = "fill it in, or leave the study out with drop_unusable=True"
        columns.refuse_blank(optional=optional, mend=mend)
    kept = _keep(columns, ~blank)
    kept.refuse_infinite()
    return kept, _left_out(columns, blank, "for an empty cell")


def _computed(
    columns: Columns, measure: Measure, zero_cells: ZeroCells, *, drop: bool
) -> tuple[Columns, given.Ready, tuple[str, ...], Sequence[Suspicion]]:
    """Estimates from raw data, the studies they belong to, a sentence on those left out, and suspicions."""
    if measure.design is None or measure.formula is None:
        raise RuntimeError(f"{measure.code} has no formula")
    raw = measure.design.read(columns, zero_cells)
    y, v = measure.formula(*raw.arrays)
    usable = np.isfinite(y) & np.isfinite(v) & (v > 0)
    if raw.unusable is not None:
        usable &= ~raw.unusable
    if not drop:
        for i in np.flatnonzero(~usable):
            values = ", ".join(f"{columns.what(role)} {columns[role][i]:g}" for role in columns.values)
            mend = "use the default correction, or " if measure.design.counts else ""
            raise columns.error(
                int(i),
                f"the {measure.name} cannot be computed from {values}; {measure.needs}; "
                f"{mend}leave the study out with drop_unusable=True",
            )
    kept = _keep(columns, usable)
    notes = _left_out(columns, ~usable, f"because {measure.needs}")
    ready = given.Ready(y[usable], np.sqrt(v[usable]), raw.n[usable], raw.notes)
    return kept, ready, notes, raw.suspicions


def _keep(columns: Columns, keep: Mask) -> Columns:
    """Rows to go on with; none left is an error."""
    if not keep.any():
        where = columns.source or "the table"
        raise DataError(
            f"{where}: no study is left after dropping those that cannot be used; fill in the cells"
        )
    return columns.select(keep)


def _left_out(columns: Columns, dropped: Mask, reason: str) -> tuple[str, ...]:
    """Sentence that names the studies left out."""
    if not dropped.any():
        return ()
    return (f"Left out {reason}: {', '.join(columns.studies[dropped]).rstrip('.')}.",)
