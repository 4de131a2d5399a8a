"""Question: which studies do not belong with the others?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.families.base import Case
from bayesma.families.effect_mixtures import Mixture
from bayesma.families.effect_moderators import means
from bayesma.posterior.nodes import draws_of
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import case_of, provenance

type Array = NDArray[np.float64]

FAR = 2.0  # scales of the effects' distribution from the mean, from where on a study is out of line
SEED, SIZE = 20261124, 100_000  # of the draws that tell how often effects are that far without any data


def outliers(fit: xr.DataTree, *, beyond: float = FAR) -> pd.DataFrame:
    """Probability of each study to lie out of line, and what the model expected of any study.

    A study is out of line when its effect, not its estimate, lies more than `beyond` scales tau from the mean
    for its moderators (Chaloner & Brant 1988, doi 10.1093/biomet/75.4.651, for residuals). Ask it of a robust
    model, ``random_effects="student_t"`` or ``"contaminated"``: normal effects pull an outlier in, and let it
    widen tau.

    Parameters
    ----------
    fit
        Result of `fit`, family `normal`, with random effects.
    beyond
        Distance in scales tau.

    Returns
    -------
    pandas.DataFrame
        Index study; columns observed, expected (the posterior mean of the mean effect for its moderators),
        p_outlier and, the same under the effects' distribution alone, p_expected; for contaminated normal
        effects also p_wide, the probability to belong to the wide component, in place of the share that the
        prior gives it.

    Raises
    ------
    OptionError
        For another family, a common effect, and a distance that is not above 0.

    Examples
    --------
    >>> import bayesma as bm
    >>> y, se = [0.1, 0.0, 0.2, 0.1, 2.5], [0.1] * 5
    >>> effects = bm.Effects.from_estimates(y, se, list("ABCDE"), measure="SMD")
    >>> fit = bm.fit(effects, random_effects="contaminated", engine="exact", random_seed=1)
    >>> bm.outliers(fit)["p_wide"].round(1).to_dict()
    {'A': 0.0, 'B': 0.0, 'C': 0.0, 'D': 0.0, 'E': 1.0}
    """
    origin = provenance(fit)
    draws = draws_of(fit)
    effects = origin.family.effects(draws, origin.options)
    if effects is None or "theta" not in draws or "se" not in fit["constant_data"]:
        raise OptionError(
            "outliers asks which random effects lie far out: it takes fits of family 'normal' with "
            "random_effects other than 'none'"
        )
    if not (is_number(beyond) and 0.0 < beyond < np.inf):
        raise OptionError(f"beyond is {beyond!r}; give a distance above 0 in scales tau, for example 2")
    case = case_of(fit, origin)
    mean = np.broadcast_to(means(draws, case.arrays), draws["theta"].shape)
    far = np.abs(draws["theta"] - mean) > beyond * draws["tau"][:, None]
    rows = np.random.default_rng(SEED).integers(0, draws["tau"].size, SIZE)
    whole = type(effects)(effects.scales, effects.log_weights)
    if len(effects.scales) > 1:
        whole = type(effects)(effects.scales[rows], effects.log_weights[rows])
    alone = whole.draw((SIZE,), np.random.default_rng([SEED, 1]))
    table = {
        "observed": case.arrays["y"],
        "expected": mean.mean(axis=0),
        "p_outlier": far.mean(axis=0),
        "p_expected": np.full(far.shape[1], float(np.mean(np.abs(alone) > beyond))),
    }
    if effects.scales.shape[1] == 2:  # two normals, the second of which is that of outlying studies
        table["p_wide"] = _wide(draws, mean, case, effects)
    index = pd.Index(fit["log_likelihood"].dataset["study"].values, name="study")
    return pd.DataFrame(table, index=index)


def _wide(draws: dict[str, Array], mean: Array, case: Case, effects: Mixture) -> Array:
    """Probability of the wide component, effects integrated out: averaged over draws, (k,)."""
    se, residual = case.arrays["se"], case.arrays["y"] - mean
    terms = []
    for j in (0, 1):
        variance = se**2 + (draws["tau"] * effects.scales[:, j])[:, None] ** 2
        weight = np.broadcast_to(effects.log_weights[:, j], draws["tau"].shape)[:, None]
        terms.append(weight - 0.5 * (np.log(variance) + residual**2 / variance))
    return np.asarray((1.0 / (1.0 + np.exp(terms[0] - terms[1]))).mean(axis=0))
