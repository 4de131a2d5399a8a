# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Comparing priors: does the answer survive?
#
# With three small trials the prior is part of the answer. This notebook takes two analyses of cells and secretomes in
# lupus, puts every prior of the catalogue that fits them in the place of the analysis's own, and ends at the tipping
# point: the prior at which the conclusion flips, or the statement that there is none on the path.
#
# Bayesian words (prior, posterior, credible interval) are explained in `01_probability_of_benefit`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesma as bm

pd.set_option("display.max_colwidth", 90)
pd.set_option("display.width", 160)
pd.set_option("display.max_columns", 20)

# %% [markdown]
# ## 1. The data: one published summary, and one row of a review
#
# The secretome review (Kusuma & Kurniati 2025, doi 10.37275/bsm.v9i4.1244) prints a pooled standardised mean difference
# of SLEDAI and no study: it enters as one row. Zhou 2020 (doi 10.1155/2020/6518508) prints mean differences; SLEDAI at
# month 6 is one trial. Neither row can say how much settings differ: that is the prior's part alone.

# %%
published = bm.load_data("published_pooled_results")
secretome = bm.effect_sizes(
    published[published["source"].str.contains("Kusuma") & (published["outcome"] == "SLEDAI")],
    "SMD",
    estimate="estimate",
    ci_low="ci_low",
    ci_high="ci_high",
    study="source",
)
zhou = bm.effect_sizes(
    published.query("source == 'Zhou 2020' and outcome == 'SLEDAI' and timepoint_months == 6"),
    "MD",
    estimate="estimate",
    ci_low="ci_low",
    ci_high="ci_high",
    study="source",
)
print(secretome.to_frame(), zhou.to_frame(), sep="\n\n")

# %% [markdown]
# ## 2. The catalogue
#
# 743 published priors can be used by name, in Python and in an analysis file. For standardised mean differences there
# are heterogeneity by outcome, comparison and area (Rhodes 2015, doi 10.1016/j.jclinepi.2014.08.012) and effect and
# heterogeneity by medical subfield (Bartos 2021, doi 10.1002/sim.9170).

# %%
catalogue = bm.list_priors()
of_smd = catalogue[(catalogue["kind"] == "published") & (catalogue["measure"] == "SMD")]
print(of_smd.groupby(["doi", "parameter"]).size())
print(bm.list_priors("rhodes biological marker placebo")[["written", "doi"]])

# %% [markdown]
# ## 3. The secretome under the whole catalogue
#
# Every heterogeneity prior for standardised mean differences with the analysis's prior of the effect; then every
# informed prior of the effect. Each cell is an exact integral.

# %%
heterogeneity = of_smd.index[of_smd["parameter"] == "tau"].tolist()
grid = bm.prior_sensitivity(secretome, {"tau": heterogeneity}, favours="lower", mid=0.5)
print(len(grid), "priors of tau")
print(
    grid[["estimate", "ci_low", "ci_high", "p_benefit", "p_mid"]]
    .describe()
    .loc[["min", "50%", "max"]]
    .round(3)
)

# %%
effects = of_smd.index[of_smd["parameter"] == "mu"].tolist()
by_effect = bm.prior_sensitivity(secretome, {"mu": effects}, favours="lower", mid=0.5)
print(len(by_effect), "priors of mu")
print(
    by_effect[["estimate", "ci_low", "ci_high", "p_benefit", "p_mid"]]
    .describe()
    .loc[["min", "50%", "max"]]
    .round(3)
)

# %% [markdown]
# One of the informed priors was made for an effect that can only go up (social psychology); against a result below 0
# it is a warning of what a prior can do, not a candidate. Left out, the range is that of medicine.


# %%
def one_sided(texts):
    """Which priors allow an effect in one direction only."""
    return texts.map(lambda text: bm.Prior.parse(text).form.startswith("Truncated(StudentT"))


medical = by_effect[~one_sided(by_effect["mu_prior"])]
print(medical["p_benefit"].agg(["min", "median", "max"]).round(3))
assert medical["p_benefit"].min() > 0.5

# %% [markdown]
# Zhou's row is in SLEDAI points. Divided by the reference SD of the shipped analysis (5.6 points, Deng 2017, doi
# 10.1136/annrheumdis-2017-211073) it is a standardised difference, and the same catalogue fits.

# %%
REFERENCE_SD = 5.6
standardised = bm.Effects.from_estimates(
    zhou.y / REFERENCE_SD, zhou.se / REFERENCE_SD, zhou.study.tolist(), measure="SMD"
)
for name, tried in (("tau", heterogeneity), ("mu", effects)):
    found = bm.prior_sensitivity(standardised, {name: tried}, favours="lower", mid=0.5)
    found = found[~one_sided(found[f"{name}_prior"])]
    print(name, found[["p_benefit", "p_mid"]].agg(["min", "median", "max"]).round(3).to_dict("index"))

# %% [markdown]
# ## 4. A sceptic, a neutral reader, an enthusiast
#
# Spiegelhalter's construction: a sceptic allows an effect beyond the minimal important difference with 5 % only; an
# enthusiast expects it and allows no effect with 5 % only.

# %%
community = ["Sceptical(-0.5, 0.05)", "Neutral(-0.5)", "Enthusiastic(-0.5, 0.05)", "Normal(0, 2)"]
voices = bm.prior_sensitivity(
    secretome, {"mu": community, "tau": ["HalfNormal(0.25)", "HalfNormal(0.5)"]}, favours="lower", mid=0.5
)
print(voices[["mu_prior", "tau_prior", "estimate", "p_benefit", "p_mid", "log_evidence"]].round(3))
bm.plots.sensitivity(voices, title="Secretome: SLEDAI under four readers")

# %% [markdown]
# ## 5. Two widths at once
#
# How wide is the prior of the effect, how wide that of the differences between settings? The thick line is where the
# probability of benefit is 95 %.

# %%
widths = {
    "mu": [f"Normal(0, {s:.3g})" for s in np.geomspace(0.05, 2.0, 15)],
    "tau": [f"HalfNormal({s:.3g})" for s in np.geomspace(0.02, 1.0, 15)],
}
surface = bm.prior_sensitivity(secretome, widths, favours="lower")
bm.plots.sensitivity(surface, title="Secretome: SLEDAI, probability of benefit")

# %% [markdown]
# ## 6. The tipping point

# %%
secretome_mu = bm.tipping_point(secretome, {"mu": "Normal(0, ?)"}, over=(0.01, 2.0), favours="lower")
secretome_tau = bm.tipping_point(secretome, {"tau": "HalfNormal(?)"}, over=(0.01, 2.0), favours="lower")
print(secretome_mu, secretome_tau, sep="\n\n")
assert len(secretome_mu.flips) == 1

# %% [markdown]
# The trial behind Zhou's row, in SLEDAI points, with the priors of the shipped analysis `zhou2020`:

# %%
priors = {"mu": "Normal(0, 11.2)", "tau": "HalfNormal(1.4)"}
shared = {"favours": "lower", "priors": priors}
zhou_mu = bm.tipping_point(zhou, {"mu": "Normal(0, ?)"}, over=(0.05, 11.2), **shared)
zhou_tau = bm.tipping_point(zhou, {"tau": "HalfNormal(?)"}, over=(0.05, 28.0), **shared)
print(zhou_mu, zhou_tau, sep="\n\n")

# %%
figure, axes = plt.subplots(figsize=(6.5, 3.2))
for found, label in ((zhou_mu, "sd of the sceptic, points"), (zhou_tau, "scale of tau, points")):
    axes.plot(found.curve.index, found.curve, marker=".", label=label)
axes.axhline(0.95, color="0.4", lw=0.8)
axes.set(xscale="log", xlabel="number that moves", ylabel="P(benefit)", title="Zhou 2020: SLEDAI, month 6")
axes.legend()

# %% [markdown]
# ## 7. What to take along
#
# - The sentences above are made to be quoted: they name the prior, the place where the conclusion flips and the answer
#   under the analysis's own priors.
# - The probability of *any* benefit survives most priors of medicine; that of a benefit worth having (the MID) depends
#   on them far more. Both stand in every grid.
# - One row says nothing of how settings differ. A tipping point in tau is a question to the reader: how different may
#   hospitals be before you stop believing?
# - One row in an analysis file, `[sensitivity]`, puts all of this into the report: `bayesma run secretome2025`.
