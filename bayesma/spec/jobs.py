"""A validated analysis file, and the jobs it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayesma.spec.evidence_tables import EvidenceTable
from bayesma.spec.tables import (
    ModelTable,
    QuestionsTable,
    ReferenceTable,
    SensitivityTable,
    SpecFile,
)


@dataclass(frozen=True, slots=True)
class Job:
    """One analysis under one variant, everything inherited filled in.

    Attributes
    ----------
    analysis, variant
        Names; the variant is empty when the file has none.
    label, variant_label, variant_note
        For people.
    data, where
        Path of the data file, and the rows to take from it.
    effects, model, questions, sensitivity
        Validated tables; no `sensitivity` where the file has none.
    cautions
        Sentences that must stand beside the result.
    """

    analysis: str
    variant: str
    label: str
    variant_label: str
    variant_note: str
    data: Path
    where: Mapping[str, Any]
    effects: EvidenceTable
    model: ModelTable
    questions: QuestionsTable
    sensitivity: SensitivityTable | None
    cautions: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the fit: analysis, and variant where there is one."""
        return f"{self.analysis}.{self.variant}" if self.variant else self.analysis


@dataclass(frozen=True, slots=True)
class Spec:
    """A validated analysis file.

    Attributes
    ----------
    name
        File name without the extension.
    path
        Where it was read from.
    file
        The file's content.
    jobs
        Every analysis under every variant, in the file's order.
    text
        The file as it was read.
    """

    name: str
    path: Path
    file: SpecFile
    jobs: tuple[Job, ...]
    text: str

    @property
    def title(self) -> str:
        """Title of the analysis."""
        return self.file.title


def matching(reference: ReferenceTable, jobs: tuple[Job, ...]) -> list[Job]:
    """Jobs a reference value speaks of."""
    return [
        job
        for job in jobs
        if reference.analysis in {None, job.analysis} and reference.variant in {None, job.variant}
    ]
