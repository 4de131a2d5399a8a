"""The papers behind what an analysis used."""

from __future__ import annotations

import json

from bayesma.analysis import Analysis
from bayesma.measures import MEASURES

MODEL = (
    "Normal-normal hierarchical model: Higgins JPT, Thompson SG, Spiegelhalter DJ. J R Stat Soc A "
    "2009;172:137-159, doi 10.1111/j.1467-985X.2008.00552.x"
)
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
FREQUENTIST = {
    "DL": "DerSimonian R, Laird N. Control Clin Trials 1986;7:177-188, doi 10.1016/0197-2456(86)90046-2",
    "PM": "Paule RC, Mandel J. J Res Natl Bur Stand 1982;87:377-385, doi 10.6028/jres.087.022",
    "REML": f"REML: {LIKELIHOOD}",
    "ML": f"Maximum likelihood: {LIKELIHOOD}",
    "hksj": "Knapp G, Hartung J. Stat Med 2003;22:2693-2710, doi 10.1002/sim.1482",
}


def citations(analysis: Analysis) -> list[str]:
    """References with DOI, the data first, then model, computation and classical answers."""
    found = [analysis.spec.file.citation] if analysis.spec.file.citation else []
    found += [MODEL, EXACT]
    results = analysis.results
    if any(json.loads(r.fit.attrs["default_priors"]) for r in results):
        found.append(DEFAULTS)
    if any(r.fit.attrs["engine"] == "nuts" for r in results):
        found += [PYMC, RHAT]
    measures = [MEASURES[r.evidence.measure] for r in results if "estimate" not in r.job.effects.columns]
    found += [f"{m.name[:1].upper()}{m.name[1:]}: doi {m.doi}" for m in measures if m.doi]
    used = dict.fromkeys(key for r in results for f in r.frequentist.values() for key in (f.method, f.ci))
    found += [FREQUENTIST[key] for key in used if key in FREQUENTIST]
    mids = [r.job.questions.mid_source for r in results if r.job.questions.mid_source]
    found += [f"Minimal important difference: {source}" for source in mids]
    return list(dict.fromkeys(found))
