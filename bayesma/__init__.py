"""Bayesian random-effects meta-analysis: from study-level numbers to the posterior probability of benefit.

The public names are loaded when first used (PEP 562), so that ``import bayesma`` imports neither PyMC nor
ArviZ nor matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Effects": "evidence.effects",
    "TwoArmCounts": "evidence.counts",
    "ArmCounts": "evidence.counts",
    "Trajectories": "evidence.trajectories",
    "FollowUp": "evidence.follow_up",
    "read_studies": "evidence.readers",
    "load_data": "evidence.readers",
    "effect_sizes": "measures.effect_sizes",
    "list_measures": "measures.listing",
    "Prior": "priors",
    "list_priors": "priors.listing",
    "elicit_prior": "priors.elicitation",
    "frequentist": "classical.frequentist",
    "mantel_haenszel": "classical.mantel_haenszel",
    "peto": "classical.peto",
    "glmm": "classical.glmm",
    "multivariate": "classical.multivariate",
    "per_visit": "classical.per_visit",
    "fit": "engines.fit",
    "list_families": "families.listing",
    "summary": "posterior.summary",
    "prob": "posterior.prob",
    "benefit": "posterior.benefit",
    "shrinkage": "posterior.shrinkage",
    "stacking": "posterior.stacking",
    "shrinkage_trace": "posterior.shrinkage_trace",
    "compare": "posterior.compare",
    "predict": "posterior.predict",
    "response": "posterior.response",
    "hazard": "posterior.hazard",
    "retreatment": "posterior.retreatment",
    "occupancy": "posterior.occupancy",
    "outliers": "posterior.outliers",
    "meta_regression": "posterior.regression",
    "as_prior": "posterior.next_prior",
    "published_prior": "posterior.next_prior",
    "summary_of_findings": "posterior.summary_of_findings",
    "model_disagreement": "posterior.model_disagreement",
    "model_evidence": "posterior.model_evidence",
    "prior_sensitivity": "sensitivity.prior_sensitivity",
    "tipping_point": "sensitivity.tipping_point",
    "power_scaling": "sensitivity.power_scaling",
    "prior_data_conflict": "sensitivity.prior_data_conflict",
    "leave_one_out": "sensitivity.leave_one_out",
    "cumulative": "sensitivity.cumulative",
    "influence": "sensitivity.influence",
    "subsets": "sensitivity.subsets",
    "subgroups": "sensitivity.subgroups",
    "model_average": "sensitivity.model_average",
    "crosscheck": "calibration.crosscheck",
    "load_spec": "spec",
    "list_models": "spec.listing",
    "run": "analysis",
    "report": "reporting.report",
}
_MODULES = ("plots",)

__all__ = ["__version__", *_HOMES, *_MODULES]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"bayesma.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'bayesma' has no attribute {name!r}")
    value = getattr(import_module(f"bayesma.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
