"""Follow-up after a response: who was at risk of relapse in which months, and who relapsed, died or left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.evidence import follow_up_input as inputs
from bayesma.evidence.columns import Array, Columns
from bayesma.evidence.count_input import Labels, Whole, require_roles, require_study, whole
from bayesma.evidence.follow_up_input import UNKNOWN_DEATHS, Rows
from bayesma.evidence.intervals import interval_label, refuse_rows, refuse_sequences, row_names
from bayesma.evidence.suspicions import named_person_time, of_labels, warn
from bayesma.evidence.validation import row_labels
from bayesma.evidence.visits import constant_columns, require_unit, rounded_months


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """Relapses by interval of follow-up, one row an interval: the evidence of the relapse family.

    When in its interval a relapse happened is not known and never assumed. Patients at risk who neither
    relapse, die nor are censored are followed to the end of the interval.

    Attributes
    ----------
    start, stop
        The interval (start, stop] in months, shape (rows,).
    at_risk, relapses, censored
        Patients free of relapse at the start; those who relapse; those who leave inside the interval: int64,
        shape (rows,).
    deaths
        Patients who die free of relapse, shape (rows,); None where it was not printed.
    study
        Labels of the studies, shape (rows,).
    centre
        Labels of the centres, shape (rows,); None where studies are not told apart by centre.
    table
        Columns that do not vary within a study, or within a centre where they are told apart, one row each as
        `groups`; for moderators.
    source
        Name of the file the rows were read from, for messages and reports.
    notes
        Sentences the reader of any result must see.
    """

    start: Array
    stop: Array
    at_risk: Whole
    relapses: Whole
    censored: Whole
    deaths: Whole | None
    study: Labels
    centre: Labels | None = None
    table: pd.DataFrame | None = None
    source: str | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        study: str | Sequence[str],
        start: str,
        stop: str,
        at_risk: str,
        relapses: str,
        deaths: str | None = None,
        censored: str | None = None,
        centre: str | None = None,
        time_unit: str = "months",
        gaps: bool = False,
        entry: bool = False,
    ) -> FollowUp:
        """Take intervals as they were printed.

        Parameters
        ----------
        frame
            One row an interval.
        study, centre
            Column of the labels (several are joined by a space), and of the centres of a study.
        start, stop
            Columns of the ends of the interval (start, stop]. The first may start late: who relapsed before
            is not among those at risk.
        at_risk, relapses
            Columns of the patients at risk at the start, and of their new relapses.
        deaths, censored
            Columns of deaths without relapse, and of patients who leave inside the interval.
        time_unit
            ``"months"``, ``"weeks"`` or ``"days"``.
        gaps, entry
            Say True where months between two intervals are missing, or patients enter after the first.

        Raises
        ------
        DataError
            For a missing column, no rows, an empty cell, text, a count that is negative or a fraction, stop
            not after start, nobody at risk, more relapses (and deaths, and censored) than at risk, intervals
            of the same patients that overlap or leave a gap, more at risk than were left. The message names
            file, row, study, value and mend.

        Examples
        --------
        >>> import pandas as pd
        >>> from bayesma.evidence.follow_up import FollowUp
        >>> rows = {"study": ["Ash", "Ash"], "from": [0, 6], "to": [6, 12], "n": [24, 21], "relapse": [3, 4]}
        >>> columns = {"start": "from", "stop": "to", "at_risk": "n", "relapses": "relapse"}
        >>> FollowUp.from_frame(pd.DataFrame(rows), study="study", **columns).label.tolist()
        ['Ash (0, 6]', 'Ash (6, 12]']
        """
        roles = {"start": start, "stop": stop, "at_risk": at_risk, "relapses": relapses}
        roles |= {role: c for role, c in (("deaths", deaths), ("censored", censored)) if c is not None}
        studies, centres = _labels(frame, study, centre)
        require_roles(frame, roles)
        require_unit(time_unit)
        columns = Columns.read(frame, roles, studies)
        warn(named_person_time(roles), columns.place)
        same = _constant(frame.drop(columns=list(set(roles.values()))), studies, centres)
        return cls._checked(columns, centres, same, (), gaps=gaps, entry=entry, unit=time_unit)

    @classmethod
    def from_cumulative(
        cls,
        frame: pd.DataFrame,
        *,
        study: str | Sequence[str],
        month: str,
        n: str,
        relapses: str | None = None,
        percent: str | None = None,
        deaths: str | None = None,
        centre: str | None = None,
        time_unit: str = "months",
    ) -> FollowUp:
        """Take "k of n had relapsed by month t", one row a month: counts since the start, never falling.

        One row of a study is one interval from 0: the unknown times inside it are integrated over.

        Parameters
        ----------
        frame
            One row a study and month.
        month
            Column of the time up to which was counted.
        n
            Column of the patients at risk at time 0, the same in all rows of a study.
        relapses, percent
            Column of the cumulative relapses, or of their percentage of `n` (one of the two); a percentage
            that no whole number of patients gives is an error.
        deaths
            Column of cumulative deaths without relapse.
        study, centre, time_unit
            As in `from_frame`.

        Raises
        ------
        OptionError
            When not exactly one of `relapses` and `percent` is named.
        DataError
            As in `from_frame`; for two rows of one month, a changing `n`, and counts that fall.

        Examples
        --------
        >>> import pandas as pd
        >>> from bayesma.evidence.follow_up import FollowUp
        >>> rows = pd.DataFrame({"study": ["Ash", "Ash"], "month": [9, 12], "relapse": [3, 7], "n": [24, 24]})
        >>> ash = FollowUp.from_cumulative(rows, study="study", month="month", relapses="relapse", n="n")
        >>> ash.label.tolist(), ash.at_risk.tolist(), ash.relapses.tolist()
        (['Ash (0, 9]', 'Ash (9, 12]'], [24, 21], [3, 4])
        """
        roles = {"month": month, "n": n} | inputs.one_of(relapses=relapses, percent=percent)
        roles |= {} if deaths is None else {"deaths": deaths}
        return cls._derived(inputs.of_cumulative, frame, study, centre, roles, time_unit)

    @classmethod
    def from_survival(
        cls,
        frame: pd.DataFrame,
        *,
        study: str | Sequence[str],
        month: str,
        survival: str,
        at_risk: str,
        centre: str | None = None,
        time_unit: str = "months",
    ) -> FollowUp:
        """Read a Kaplan-Meier curve of freedom from relapse, with the numbers at risk under it.

        With q the share lost between two months that have n and n' at risk, those who left taken as gone
        half-way, q (n + n') / (2 - q) relapsed, rounded, and the others of n - n' were censored
        (the first step of Guyot et al. 2012, doi 10.1186/1471-2288-12-9). Notes say that counts are derived.

        Parameters
        ----------
        frame
            One row a study and month, month 0 included, where the curve is at 1.
        month, survival, at_risk
            Columns of the time, of the curve (0 to 1, never rising) and of the patients at risk there.
        study, centre, time_unit
            As in `from_frame`.

        Raises
        ------
        DataError
            As in `from_frame`; for a curve that rises, leaves [0, 1] or does not start at 1, and one that
            falls further than the numbers at risk allow.

        Examples
        --------
        >>> import pandas as pd
        >>> from bayesma.evidence.follow_up import FollowUp
        >>> curve = pd.DataFrame({"study": "Ash", "t": [0, 6, 12], "s": [1, 0.9, 0.75], "n": [20, 17, 12]})
        >>> ash = FollowUp.from_survival(curve, study="study", month="t", survival="s", at_risk="n")
        >>> ash.relapses.tolist(), ash.censored.tolist()
        ([2, 3], [1, 2])
        """
        roles = {"month": month, "survival": survival, "at_risk": at_risk}
        return cls._derived(inputs.of_survival, frame, study, centre, roles, time_unit)

    @classmethod
    def from_patients(
        cls,
        frame: pd.DataFrame,
        *,
        study: str | Sequence[str],
        time: str,
        event: str,
        months: Sequence[float],
        centre: str | None = None,
        time_unit: str = "months",
    ) -> FollowUp:
        """Count single patients by intervals.

        Parameters
        ----------
        frame
            One row a patient.
        time
            Column of the time at which the patient relapsed, died or was last seen, in `time_unit`.
        event
            Column of what happened then: 1 relapse, 2 death, 0 neither.
        months
            Ends of the intervals, in months, rising; the first starts at 0. Who is followed beyond the last
            counts up to it.
        study, centre, time_unit
            As in `from_frame`.

        Raises
        ------
        OptionError
            For `months` that do not rise from above 0.
        DataError
            As in `from_frame`; for a time not above 0 and another code than 0, 1, 2.

        Examples
        --------
        >>> import pandas as pd
        >>> from bayesma.evidence.follow_up import FollowUp
        >>> rows = pd.DataFrame({"study": "Ash", "time": [4, 6, 8, 11, 12], "event": [1, 0, 2, 0, 0]})
        >>> ash = FollowUp.from_patients(rows, study="study", time="time", event="event", months=[6, 12])
        >>> ash.at_risk.tolist(), ash.relapses.tolist(), ash.deaths.tolist(), ash.censored.tolist()
        ([5, 3], [1, 0], [0, 1], [0, 1])
        """
        ends = inputs.rising(months)

        def of_patients(columns: Columns, follow: Sequence[str]) -> Rows:
            return inputs.of_patients(columns, follow, ends)

        roles = {"month": time, "event": event}
        return cls._derived(of_patients, frame, study, centre, roles, time_unit)

    @classmethod
    def _derived(
        cls,
        rows_of: inputs.Reader,
        frame: pd.DataFrame,
        study: str | Sequence[str],
        centre: str | None,
        roles: Mapping[str, str],
        unit: str,
    ) -> FollowUp:
        """Intervals made from rows of another kind."""
        studies, centres = _labels(frame, study, centre)
        require_roles(frame, roles)
        require_unit(unit)
        columns = inputs.in_months(Columns.read(frame, roles, studies), unit)
        warn(named_person_time(roles), columns.place)
        made = rows_of(columns, row_names(studies, centres))
        made_centres = None if centres is None else centres[made.first]
        same = _constant(frame.drop(columns=list(set(roles.values()))), studies, centres)
        return cls._checked(made.columns, made_centres, same, made.notes, gaps=False, entry=False)

    @classmethod
    def _checked(
        cls,
        columns: Columns,
        centres: Labels | None,
        table: pd.DataFrame,
        notes: Sequence[str],
        *,
        gaps: bool,
        entry: bool,
        unit: str = "months",
    ) -> FollowUp:
        """The intervals, once no row is at fault, with a warning of what is probably a slip."""
        refuse_rows(columns)
        warn(of_labels(columns.studies.tolist()), columns.place)
        left = refuse_sequences(columns, row_names(columns.studies, centres), gaps=gaps, entry=entry)
        deaths = whole(columns["deaths"]) if "deaths" in columns else None
        censored = columns["censored"] if "censored" in columns else np.zeros(len(columns.rows))
        return cls(
            _months(columns["start"], unit),
            _months(columns["stop"], unit),
            whole(columns["at_risk"]),
            whole(columns["relapses"]),
            whole(censored),
            deaths,
            columns.studies,
            centres,
            table,
            columns.source,
            (*notes, *left, *([UNKNOWN_DEATHS] if deaths is None else [])),
        )

    @property
    def label(self) -> Labels:
        """Unique labels of the rows, shape (rows,): ``Ash (0, 6]``, ``Ash: Bern (0, 6]``."""
        ends = zip(row_names(self.study, self.centre), self.start, self.stop, strict=True)
        return np.array([f"{name} {interval_label(a, b)}" for name, a, b in ends], dtype=np.str_)

    @property
    def measure(self) -> str:
        """An intensity is no measure of effect."""
        return "GEN"

    @property
    def groups(self) -> Labels:
        """Whose patients the rows follow, each once: the studies, or ``study: centre``."""
        return np.array(list(dict.fromkeys(row_names(self.study, self.centre))), dtype=np.str_)

    @property
    def group(self) -> NDArray[np.int64]:
        """Position in `groups` of the patients of each row, shape (rows,)."""
        return _positions(row_names(self.study, self.centre))

    @property
    def studies(self) -> Labels:
        """The studies, each once, in order of appearance."""
        return np.array(list(dict.fromkeys(self.study.tolist())), dtype=np.str_)

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.studies.size)

    @property
    def cluster(self) -> NDArray[np.int64]:
        """Position in `studies` of the study of each row, shape (rows,)."""
        return _positions(self.study.tolist())

    def to_frame(self) -> pd.DataFrame:
        """Study, centre where given, start, stop, at_risk, relapses, deaths where known, censored."""
        columns: dict[str, object] = {"study": self.study}
        columns |= {} if self.centre is None else {"centre": self.centre}
        columns |= {"start": self.start, "stop": self.stop}
        columns |= {"at_risk": self.at_risk, "relapses": self.relapses}
        columns |= {} if self.deaths is None else {"deaths": self.deaths}
        return pd.DataFrame(columns | {"censored": self.censored})


def _labels(
    frame: pd.DataFrame, study: str | Sequence[str], centre: str | None
) -> tuple[Labels, Labels | None]:
    """Studies and centres of the rows."""
    require_study(study, centre)
    return row_labels(frame, study), None if centre is None else row_labels(frame, centre, of="centre")


def _constant(frame: pd.DataFrame, studies: Labels, centres: Labels | None) -> pd.DataFrame:
    """Columns that do not vary within a study, or a centre of it, one row each in order of appearance."""
    names = row_names(studies, centres)
    return constant_columns(frame, np.array(names, dtype=np.str_), list(dict.fromkeys(names)))


def _positions(labels: Sequence[str]) -> NDArray[np.int64]:
    """Number of each label, counted from its first appearance."""
    position = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([position[label] for label in labels], dtype=np.int64)


def _months(times: Array, unit: str) -> Array:
    """Times as read-only months."""
    months = rounded_months(times, unit)
    months.setflags(write=False)
    return months
