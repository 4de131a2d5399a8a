"""Counts of events as they were published: two arms a study, or single arms. Nothing is added to a zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesma.evidence.columns import Array, Columns
from bayesma.evidence.count_input import (
    ARMS,
    Labels,
    Whole,
    arrays_by_hand,
    checked_arms,
    held,
    joined,
    require_roles,
    require_study,
    total_role,
    unique_rows,
)
from bayesma.evidence.suspicions import named_person_time, of_counts, of_labels, warn
from bayesma.evidence.validation import (
    check_unique,
    checked_event,
    given_labels,
    numbered,
    row_labels,
    source_of,
    study_labels,
)


@dataclass(frozen=True, slots=True, eq=False)
class TwoArmCounts:
    """Patients and events in two arms, one row a study: the evidence of the binomial family.

    Attributes
    ----------
    events_treat, n_treat, events_ctrl, n_ctrl
        Events and patients of the treated and of the control arm, int64, shape (k,) each, read-only.
    study
        Unique labels, shape (k,).
    table
        The rows the counts came from, one a study; its columns may serve as moderators.
    source
        Name of the file the rows were read from, for messages and reports.
    notes
        Sentences the reader of any result must see.
    event
        What was counted, in one or two words: ``"alive"``, ``"response"``; None where it was not named.
    """

    events_treat: Whole
    n_treat: Whole
    events_ctrl: Whole
    n_ctrl: Whole
    study: Labels
    table: pd.DataFrame | None = None
    source: str | None = None
    notes: tuple[str, ...] = ()
    event: str | None = None

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        events_treat: str,
        events_ctrl: str,
        n_treat: str | None = None,
        n_ctrl: str | None = None,
        nonevents_treat: str | None = None,
        nonevents_ctrl: str | None = None,
        study: str | Sequence[str] | None = None,
        event: str | None = None,
    ) -> TwoArmCounts:
        """Take the counts from the columns of a table.

        Parameters
        ----------
        frame
            One row a study; from `read_studies`, `load_data` or built by hand.
        events_treat, events_ctrl
            Columns of the patients with an event.
        n_treat, n_ctrl
            Columns of all patients of the arm.
        nonevents_treat, nonevents_ctrl
            Columns of the patients without an event, in place of `n_treat`, `n_ctrl`.
        study
            Column of the labels, or several to be joined by a space. Labels must be unique. Without it the
            studies are called ``study 1``, ``study 2`` and so on.
        event
            What was counted, in one or two words, as in ``"alive"`` or ``"response"``: tables and figures
            call it so.

        Raises
        ------
        OptionError
            When the total of an arm is named not at all or twice, or a role is given no column name, and for
            an event that is no short text.
        DataError
            For a missing column, no rows, a repeated label, or a count that cannot be right: text, an empty
            cell, an arm missing, infinite, negative, a fraction, more events than patients, no patients.
            The message names file, row, study, value and mend.

        Warns
        -----
        DataWarning
            For what is possible but nearly always a slip: two rows with the same counts of both arms, or of
            one (patients counted twice), n that looks or is called like person-time, a label that is another
            one but for capitals, several that begin alike, and one of a total.

        Examples
        --------
        >>> from bayesma.evidence.counts import TwoArmCounts
        >>> from bayesma.evidence.readers import load_data
        >>> bcg = TwoArmCounts.from_frame(
        ...     load_data("bcg"), study=["author", "year"],
        ...     events_treat="tpos", nonevents_treat="tneg", events_ctrl="cpos", nonevents_ctrl="cneg",
        ... )
        >>> bcg.k, bcg.study[0].item(), bcg.n_treat[0].item()
        (13, 'Aronson 1948', 123)
        """
        roles = {"events_treat": events_treat, "events_ctrl": events_ctrl}
        roles |= total_role("n_treat", n_treat, "nonevents_treat", nonevents_treat)
        roles |= total_role("n_ctrl", n_ctrl, "nonevents_ctrl", nonevents_ctrl)
        require_roles(frame, roles)
        columns = Columns.read(frame, roles, study_labels(frame, study))
        return cls._checked(columns, frame, (), event)

    @classmethod
    def from_counts(
        cls,
        events_treat: ArrayLike,
        n_treat: ArrayLike,
        events_ctrl: ArrayLike,
        n_ctrl: ArrayLike,
        study: Sequence[object] | None = None,
        *,
        table: pd.DataFrame | None = None,
        source: str | None = None,
        notes: Sequence[str] = (),
        event: str | None = None,
    ) -> TwoArmCounts:
        """Validate counts and hold them.

        Parameters
        ----------
        events_treat, n_treat, events_ctrl, n_ctrl
            Events and patients of each arm, shape (k,).
        study
            Labels, shape (k,), unique; ``study 1``, ``study 2`` ... when not given.
        table
            One row a study, aligned with the counts.
        source
            File name for messages.
        notes
            Sentences to carry into every result.
        event
            What was counted, in one or two words, as in ``"alive"`` or ``"response"``: tables and figures
            call it so.

        Raises
        ------
        OptionError
            For an event that is no short text.
        DataError
            As `from_frame`, and for lengths that differ.

        Warns
        -----
        DataWarning
            As `from_frame`.

        Examples
        --------
        >>> from bayesma.evidence.counts import TwoArmCounts
        >>> counts = TwoArmCounts.from_counts([0, 3], [20, 31], [0, 8], [22, 30], ["Ash 2001", "Birch 2002"])
        >>> counts.double_zero.tolist()
        [True, False]
        """
        counts = {
            "events_treat": events_treat,
            "n_treat": n_treat,
            "events_ctrl": events_ctrl,
            "n_ctrl": n_ctrl,
        }
        arrays, rows = arrays_by_hand(counts, {"study": study}, table, source)
        labels = numbered(len(rows)) if study is None else given_labels(study, source, rows)
        check_unique(labels.tolist(), source, rows)
        return cls._checked(Columns.of_arrays(arrays, labels, rows, source), table, notes, event)

    @classmethod
    def _checked(
        cls, columns: Columns, table: pd.DataFrame | None, notes: Sequence[str], event: str | None
    ) -> TwoArmCounts:
        """The counts, once no row is at fault."""
        cells = checked_arms(columns, tuple(ARMS))
        _suspect(columns, cells, columns.studies)
        (events_treat, n_treat), (events_ctrl, n_ctrl) = (held(arm) for arm in cells)
        return cls(
            events_treat,
            n_treat,
            events_ctrl,
            n_ctrl,
            columns.studies,
            None if table is None else table.copy(),
            columns.source,
            tuple(notes),
            checked_event(event),
        )

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.study.size)

    @property
    def n(self) -> NDArray[np.float64]:
        """Patients of both arms together, shape (k,)."""
        return (self.n_treat + self.n_ctrl).astype(np.float64)

    @property
    def measure(self) -> str:
        """``"OR"``: the analysis scale of two-arm counts is the log odds ratio."""
        return "OR"

    @property
    def double_zero(self) -> NDArray[np.bool_]:
        """Studies in which every patient had the same outcome, shape (k,).

        True where no patient of either arm had an event, and where every patient of both arms had one: one of
        the two columns of the 2 x 2 table is empty, and the study alone tells nothing about the odds ratio.
        """
        events = self.events_treat + self.events_ctrl
        return np.asarray((events == 0) | (events == self.n_treat + self.n_ctrl), dtype=np.bool_)

    def swapped(self) -> TwoArmCounts:
        """The same studies with the arms exchanged; `table` stays as it was read."""
        return replace(
            self,
            events_treat=self.events_ctrl,
            n_treat=self.n_ctrl,
            events_ctrl=self.events_treat,
            n_ctrl=self.n_treat,
        )

    def to_frame(self) -> pd.DataFrame:
        """Study, events_treat, n_treat, events_ctrl and n_ctrl: one row a study."""
        return pd.DataFrame(
            {
                "study": self.study,
                "events_treat": self.events_treat,
                "n_treat": self.n_treat,
                "events_ctrl": self.events_ctrl,
                "n_ctrl": self.n_ctrl,
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class ArmCounts:
    """Patients and events in single arms, one row an arm: the evidence of the proportion family.

    Attributes
    ----------
    events, n
        Events and patients of the arm, int64, shape (a,) each, read-only.
    study
        Labels of the studies, shape (a,); unique unless `centre` is given.
    centre
        Labels of the centres, shape (a,), unique within a study; None when each study has one row.
    table
        The rows the counts came from, one an arm; its columns may serve as moderators.
    source
        Name of the file the rows were read from, for messages and reports.
    notes
        Sentences the reader of any result must see.
    event
        What was counted, in one or two words: ``"alive"``, ``"response"``; None where it was not named.
    """

    events: Whole
    n: Whole
    study: Labels
    centre: Labels | None = None
    table: pd.DataFrame | None = None
    source: str | None = None
    notes: tuple[str, ...] = ()
    event: str | None = None

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        events: str,
        n: str | None = None,
        nonevents: str | None = None,
        study: str | Sequence[str] | None = None,
        centre: str | None = None,
        event: str | None = None,
    ) -> ArmCounts:
        """Take the counts from the columns of a table.

        Parameters
        ----------
        frame
            One row an arm; from `read_studies`, `load_data` or built by hand.
        events
            Column of the patients with an event.
        n
            Column of all patients.
        nonevents
            Column of the patients without an event, in place of `n`.
        study
            Column of the labels, or several to be joined by a space. Without it the studies are called
            ``study 1``, ``study 2`` and so on.
        centre
            Column of the centres, when a study may have several rows; study and centre together must be
            unique, and every row needs both.
        event
            What was counted, in one or two words, as in ``"alive"`` or ``"response"``: tables and figures
            call it so.

        Raises
        ------
        OptionError
            When the total is named not at all or twice, or `centre` without `study`, and for an event that is
            no short text.
        DataError
            For a missing column, no rows, a repeated label, or a count that cannot be right: text, an empty
            cell, infinite, negative, a fraction, more events than patients, no patients. The message names
            file, row, study, value and mend.

        Warns
        -----
        DataWarning
            As `TwoArmCounts.from_frame`.

        Examples
        --------
        >>> from bayesma.evidence.counts import ArmCounts
        >>> from bayesma.evidence.readers import load_data
        >>> arms = ArmCounts.from_frame(load_data("pritz1997"), events="xi", n="ni", study="authors")
        >>> arms.k, arms.label[4].item(), arms.events[4].item(), arms.n[4].item()
        (14, 'Tanabe et al.', 10, 10)
        """
        roles = {"events": events} | total_role("n", n, "nonevents", nonevents)
        require_roles(frame, roles)
        require_study(study, centre)
        studies = row_labels(frame, study)
        centres = None if centre is None else row_labels(frame, centre, of="centre")
        labels = unique_rows(studies, centres, source_of(frame), list(frame.index))
        return cls._checked(Columns.read(frame, roles, labels), studies, centres, frame, (), event)

    @classmethod
    def from_counts(
        cls,
        events: ArrayLike,
        n: ArrayLike,
        study: Sequence[object] | None = None,
        centre: Sequence[object] | None = None,
        *,
        table: pd.DataFrame | None = None,
        source: str | None = None,
        notes: Sequence[str] = (),
        event: str | None = None,
    ) -> ArmCounts:
        """Validate counts and hold them.

        Parameters
        ----------
        events, n
            Events and patients, shape (a,).
        study
            Labels, shape (a,), unique unless `centre` is given; ``study 1``, ``study 2`` ... when not given.
        centre
            Labels of the centres, shape (a,), unique within a study.
        table
            One row an arm, aligned with the counts.
        source
            File name for messages.
        notes
            Sentences to carry into every result.
        event
            What was counted, in one or two words, as in ``"alive"`` or ``"response"``: tables and figures
            call it so.

        Raises
        ------
        OptionError
            When `centre` is given without `study`, and for an event that is no short text.
        DataError
            As `from_frame`, and for lengths that differ.

        Warns
        -----
        DataWarning
            As `from_frame`.

        Examples
        --------
        >>> from bayesma.evidence.counts import ArmCounts
        >>> arms = ArmCounts.from_counts([7, 9, 4], [10, 12, 8], ["Ash", "Ash", "Birch"], ["A", "B", "A"])
        >>> arms.label.tolist(), arms.cluster.tolist()
        (['Ash: A', 'Ash: B', 'Birch: A'], [0, 0, 1])
        """
        require_study(study, centre)
        arrays, rows = arrays_by_hand(
            {"events": events, "n": n}, {"study": study, "centre": centre}, table, source
        )
        studies = numbered(len(rows)) if study is None else given_labels(study, source, rows)
        centres = None if centre is None else given_labels(centre, source, rows, of="centre")
        labels = unique_rows(studies, centres, source, rows)
        columns = Columns.of_arrays(arrays, labels, rows, source)
        return cls._checked(columns, studies, centres, table, notes, event)

    @classmethod
    def _checked(
        cls,
        columns: Columns,
        studies: Labels,
        centres: Labels | None,
        table: pd.DataFrame | None,
        notes: Sequence[str],
        event: str | None,
    ) -> ArmCounts:
        """The counts, once no row is at fault."""
        cells = checked_arms(columns, ("",))
        _suspect(columns, cells, studies)
        events, n = held(*cells)
        kept = None if table is None else table.copy()
        return cls(events, n, studies, centres, kept, columns.source, tuple(notes), checked_event(event))

    @property
    def k(self) -> int:
        """Number of rows."""
        return int(self.study.size)

    @property
    def measure(self) -> str:
        """``"PLO"``: the analysis scale of single-arm counts is the logit of the proportion."""
        return "PLO"

    @property
    def label(self) -> Labels:
        """Unique labels of the rows, shape (a,): the study, or ``study: centre`` where centres are given."""
        return joined(self.study, self.centre)

    @property
    def studies(self) -> Labels:
        """The studies, each once, in order of appearance."""
        return np.array(list(dict.fromkeys(self.study.tolist())), dtype=np.str_)

    @property
    def cluster(self) -> Whole:
        """Position in `studies` of the study of each row, shape (a,)."""
        position = {study: i for i, study in enumerate(self.studies.tolist())}
        return np.array([position[study] for study in self.study.tolist()], dtype=np.int64)

    def to_frame(self) -> pd.DataFrame:
        """Study, centre where given, events and n: one row an arm."""
        columns: dict[str, object] = {"study": self.study}
        if self.centre is not None:
            columns["centre"] = self.centre
        return pd.DataFrame({**columns, "events": self.events, "n": self.n})


def _suspect(columns: Columns, cells: Sequence[tuple[Array, Array]], studies: Labels) -> None:
    """Warn of counts and labels that are possible but nearly always slips."""
    found = [*of_labels(studies.tolist()), *named_person_time(columns.names)]
    warn([*found, *of_counts(cells, columns.studies.tolist())], columns.place)
