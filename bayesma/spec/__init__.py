"""An analysis as a file: models/*.toml to a validated, typed object; nothing in it is evaluated."""

from bayesma.spec.jobs import Job, Spec, matching
from bayesma.spec.loading import load_spec
from bayesma.spec.tables import QUANTITY, ReferenceTable

__all__ = ["QUANTITY", "Job", "ReferenceTable", "Spec", "load_spec", "matching"]
