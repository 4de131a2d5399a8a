"""The papers behind what an analysis used."""

from __future__ import annotations

import json

from bayesma.analysis import Analysis
from bayesma.measures import MEASURES
from bayesma.reporting.likelihoods import HYPERGEOMETRIC, JACKSON, LOGIT_NORMAL, model_papers
from bayesma.results import OneEffect

EXACT = (
    "Exact integration as a mixture over tau: Roever C. J Stat Softw 2020;93(6), doi 10.18637/jss.v093.i06"
)
DEFAULTS = (
    "Default priors from unit information: Roever C et al. Res Synth Methods 2021;12:448-474, "
    "doi 10.1002/jrsm.1475"
)
PYMC = "PyMC: Abril-Pla O et al. PeerJ Comput Sci 2023;9:e1516, doi 10.7717/peerj-cs.1516"
RHAT = (
    "r_hat and effective sample size: Vehtari A et al. Bayesian Anal 2021;16:667-718, doi 10.1214/20-BA1221"
)
LIKELIHOOD = "Viechtbauer W. J Educ Behav Stat 2005;30:261-293, doi 10.3102/10769986030003261"
NNT = "Numbers needed to treat: Altman DG. BMJ 1998;317:1309-1312, doi 10.1136/bmj.317.7168.1309"
FREQUENTIST = {
    "MH OR": "Mantel N, Haenszel W. J Natl Cancer Inst 1959;22:719-748, doi 10.1093/jnci/22.4.719; variance: "
    "Robins J, Breslow N, Greenland S. Biometrics 1986;42:311-323, doi 10.2307/2531052",
    "Peto": "Yusuf S et al. Prog Cardiovasc Dis 1985;27:335-371, doi 10.1016/S0033-0620(85)80003-7",
    "UM.FS": JACKSON,
    "UM.RS": JACKSON,
    "CM.EL": HYPERGEOMETRIC,
    "logit-normal": LOGIT_NORMAL,
    "DL": "DerSimonian R, Laird N. Control Clin Trials 1986;7:177-188, doi 10.1016/0197-2456(86)90046-2",
    "PM": "Paule RC, Mandel J. J Res Natl Bur Stand 1982;87:377-385, doi 10.6028/jres.087.022",
    "multivariate": "Multivariate REML: Jackson D, Riley R, White IR. Stat Med 2011;30:2481-2498, "
    "doi 10.1002/sim.4172",
    "REML": f"REML: {LIKELIHOOD}",
    "ML": f"Maximum likelihood: {LIKELIHOOD}",
    "crude rate": "Exact Poisson interval: Garwood F. Biometrika 1936;28:437-442, "
    "doi 10.1093/biomet/28.3-4.437",
    "hksj": "Knapp G, Hartung J. Stat Med 2003;22:2693-2710, doi 10.1002/sim.1482",
}


def citations(analysis: Analysis) -> list[str]:
    """References with DOI, the data first, then model, computation and classical answers."""
    found = [analysis.spec.file.citation] if analysis.spec.file.citation else []
    results = analysis.results
    for result in results:
        found += model_papers(str(result.fit.attrs["family"]), json.loads(result.fit.attrs["options"]))
    estimates = [r for r in results if r.fit.attrs["family"] in {"normal", "longitudinal"}]
    found += [EXACT] if any(r.fit.attrs["family"] == "normal" for r in results) else []
    if any(json.loads(r.fit.attrs["default_priors"]) for r in estimates):
        found.append(DEFAULTS)
    if any(r.fit.attrs["engine"] == "nuts" for r in results):
        found += [PYMC, RHAT]
    measures = [MEASURES[r.evidence.measure] for r in estimates if "estimate" not in r.job.effects.columns]
    found += [f"{m.name[:1].upper()}{m.name[1:]}: doi {m.doi}" for m in measures if m.doi]
    used = dict.fromkeys(key for r in results for pair in r.classical_methods for key in pair)
    found += [FREQUENTIST[key] for key in used if key in FREQUENTIST]
    absolute = [r.risks for r in results if isinstance(r, OneEffect) and r.risks is not None]
    if any("nnt" in risks.attrs for risks in absolute):
        found.append(NNT)
    mids = [r.job.questions.mid_source for r in results if r.job.questions.mid_source]
    found += [f"Minimal important difference: {source}" for source in mids]
    return list(dict.fromkeys(found))
