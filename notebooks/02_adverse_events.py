# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What did the continuity correction do to this answer?
#
# Adverse events are rare: 0, 1 or 2 in an arm. A log odds ratio cannot be computed from an empty cell, so
# programs add a half to every cell of such a table. That half event is data that nobody observed. This notebook
# shows what it does to real trials, and what the counts say when nothing is added.
#
# Bayesian words (prior, posterior, credible interval) are explained in `01_probability_of_benefit`.

# %%
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesma as bm

pd.set_option("display.max_colwidth", 120)

# %% [markdown]
# ## 1. Eighteen trials, six with an empty cell
#
# Catheters impregnated with anti-infective agents against bloodstream infection (Niel-Weise 2007). An event is an
# infection: fewer are better.

# %%
table = bm.load_data("nielweise2007")
columns = {
    "events_treat": "ai",
    "n_treat": "n1i",
    "events_ctrl": "ci",
    "n_ctrl": "n2i",
    "study": ["author", "year"],
}
counts = bm.TwoArmCounts.from_frame(table, **columns)
frame = counts.to_frame()
frame[(frame["events_treat"] == 0) | (frame["events_ctrl"] == 0)]

# %% [markdown]
# ## 2. The half, a tenth, a hundredth
#
# The same normal approximation with three corrections, and below it the binomial likelihood of the counts, which
# needs none. All with the same priors on the mean log odds ratio `mu` and on the differences between trials `tau`.

# %%
priors = {"mu": "Normal(0, 4)", "tau": "HalfNormal(0.5)"}
fits = {}
for correction in (0.5, 0.1, 0.01):
    effects = bm.effect_sizes(table, "OR", correction=correction, **columns)
    fits[f"normal, {correction:g} added"] = bm.fit(effects, priors=priors, engine="exact", random_seed=1)
fits["counts, nothing added"] = bm.fit(counts, priors=priors, engine="exact", random_seed=1)
fits["counts, conditional"] = bm.fit(
    counts, priors=priors, baseline="conditional", engine="exact", random_seed=1
)

answers = bm.compare(fits)
answers["odds_ratio"] = np.exp(answers["estimate"])
answers[["estimate", "ci_low", "ci_high", "tau", "odds_ratio"]].round(2)


# %%
def ladder(answers, title):
    """Estimates with their 95 % intervals, one line an analysis."""
    figure, axes = plt.subplots(figsize=(7, 0.45 * len(answers) + 1.4), layout="constrained")
    rows = np.arange(len(answers))[::-1]
    exact = [not label.startswith("normal") for label in answers.index]
    for row, filled, (_, line) in zip(rows, exact, answers.iterrows(), strict=True):
        axes.plot(
            np.exp([line["ci_low"], line["ci_high"]]), [row, row], color="black", lw=1.5 if filled else 1
        )
        face = "black" if filled else "white"
        axes.plot(np.exp(line["estimate"]), row, "o", color="black", markerfacecolor=face, markersize=7)
    axes.axvline(1.0, color="black", lw=0.8, ls=":")
    axes.set_xscale("log")
    ticks = [0.1, 0.2, 0.3, 0.5, 0.7, 1.0]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(0.08, 1.3)
    axes.set_yticks(rows, answers.index)
    axes.margins(y=0.12)
    axes.set_xlabel("odds ratio, 95 % credible interval (< 1 favours impregnated)")
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


figure = ladder(
    answers, "Niel-Weise 2007; filled: the counts themselves\nmu ~ Normal(0, 4), tau ~ HalfNormal(0.5)"
)
plt.close(figure)
figure

# %% [markdown]
# A half added to six of eighteen tables moves the estimate towards no effect by more than one posterior standard
# deviation and halves the difference between trials. A smaller correction is not the cure: with a hundredth
# the standard errors of these trials grow to ten, and trials without an infection in the treated arm, which speak
# most clearly, hardly count any more. The two likelihoods of the counts agree with each other.
#
# ## 3. Which choice matters? One call
#
# The models of Jackson et al. 2018 (doi 10.1002/sim.7588); `shift` counts in posterior standard deviations of the
# first row. Models with random or correlated baselines are sampled and take some 15 s each: leave `include=` out
# to fit them as well.

# %%
disagreement = bm.model_disagreement(
    counts,
    priors=priors,
    include=["fixed, midpoint", "fixed, control", "conditional", "normal approximation"],
    random_seed=1,
)
disagreement.round(3)

# %%
for note in disagreement.attrs["notes"]:
    print("-", note)

# %% [markdown]
# ## 4. A trial in which nothing happened
#
# Yucel 2004 had no infection in either arm. Does it say anything about the odds ratio? The answer depends on the
# likelihood, and it should be nothing, or nearly: with a baseline of its own such a trial only says that its
# baseline is low. (A narrow prior on the baselines also moves the estimate itself, trial or no trial: baselines
# here reach a logit of -6.) Every fit of counts notes this by itself, and warns where such trials make a direction:

# %%
json.loads(fits["counts, nothing added"].attrs["notes"])

# %%
rest = frame[frame["study"] != "Yucel 2004"]
without = bm.TwoArmCounts.from_counts(
    rest["events_treat"], rest["n_treat"], rest["events_ctrl"], rest["n_ctrl"], rest["study"].tolist()
)
models = {
    "conditional": {"baseline": "conditional"},
    "fixed, alpha ~ Normal(0, 100), the default": {},
    "fixed, alpha ~ Normal(0, 10)": {"alpha": "Normal(0, 10)"},
    "fixed, alpha ~ Normal(0, 3)": {"alpha": "Normal(0, 3)"},
}
moved = {}
for label, choice in models.items():
    alpha = {name: text for name, text in choice.items() if name == "alpha"}
    options = {name: text for name, text in choice.items() if name != "alpha"}
    both = [
        bm.fit(data, priors=priors | alpha, engine="exact", random_seed=1, **options)
        for data in (counts, without)
    ]
    with_it, without_it = (bm.summary(fit, parameters="mu").loc["mu"] for fit in both)
    moved[label] = [
        with_it["mean"],
        without_it["mean"],
        (with_it["mean"] - without_it["mean"]) / without_it["sd"],
    ]
half = {
    label: bm.summary(
        bm.fit(
            bm.effect_sizes(data, "OR", correction=0.5, **columns),
            priors=priors,
            engine="exact",
            random_seed=1,
        ),
        parameters="mu",
    ).loc["mu"]
    for label, data in {"with": table, "without": table[table["author"] != "Yucel"]}.items()
}
shift = (half["with"]["mean"] - half["without"]["mean"]) / half["without"]["sd"]
moved["normal, 0.5 added"] = [half["with"]["mean"], half["without"]["mean"], shift]
pd.DataFrame.from_dict(moved, orient="index", columns=["with Yucel", "without", "shift in sds"]).round(4)

# %% [markdown]
# ## 5. One small trial: deaths and adverse events of Deng 2017
#
# Umbilical-cord MSC against placebo in lupus nephritis (doi 10.1136/annrheumdis-2017-211073): twelve patients
# against six. One trial cannot tell how hospitals differ, so we estimate the odds ratio of this one
# (`random_effects="none"`). The rows are outcomes of the same eighteen patients: they are never pooled.

# %%
deng = bm.load_data("deng2017_rct_binary")
harms = deng[deng["direction"] == "harm"].reset_index(drop=True)

from bayesma.posterior.prior_share import prior_overlap, prior_share

rows = {}
for _, row in harms.iterrows():
    arms = [[int(row[name])] for name in ("events_msc", "n_msc", "events_placebo", "n_placebo")]
    trial = bm.TwoArmCounts.from_counts(*arms)
    fit = bm.fit(trial, priors={"mu": "Normal(0, 4)"}, random_effects="none", engine="exact", random_seed=1)
    posterior = bm.summary(fit, parameters="mu").loc["mu"]
    a, b, c, d = (
        arms[0][0] + 0.5,
        arms[1][0] - arms[0][0] + 0.5,
        arms[2][0] + 0.5,
        arms[3][0] - arms[2][0] + 0.5,
    )
    rows[row["outcome"]] = {
        "MSC": f"{arms[0][0]}/{arms[1][0]}",
        "placebo": f"{arms[2][0]}/{arms[3][0]}",
        "OR, 0.5 added": a * d / (b * c),
        "OR, counts": np.exp(posterior["median"]),
        "ci_low": np.exp(posterior["ci_low"]),
        "ci_high": np.exp(posterior["ci_high"]),
        "P(fewer with MSC)": bm.prob(fit, "mu", below=0.0),
        "share of the prior": prior_share(fit)["mu"],
        "overlap with the prior": prior_overlap(fit)["mu"],
    }
pd.DataFrame.from_dict(rows, orient="index").style.format(precision=2)

# %% [markdown]
# Where no patient had the event, prior and posterior are one: **the data say nothing of the effect**, and the
# probability is one half, although there are twice as many patients in one arm (0.60 were the baseline that of the
# control arm with a prior of sd 10). The corrected odds ratio of such a row is a number all the same (0.52 here), and
# says only that the arms are of unequal size. Where one patient had it, the intervals run over many powers of ten: no
# probability from such a row should be quoted without the share of its prior.
#
# ## 6. What it means for patients
#
# A ratio is no risk. `predict` puts the effect on a stated risk in the control arm, a number or a distribution, or
# takes the baselines of the trials themselves, jointly with their effects.

# %%
exact = fits["counts, nothing added"]
absolute = bm.predict(exact, baseline=0.03, favours="lower")
absolute.loc[["typical setting", "standardised", "new setting"], ["median", "ci_low", "ci_high"]].round(4)

# %% [markdown]
# Three readings of one posterior: a *typical setting*, with baseline and effect at the middle; *standardised*, both
# risks averaged over settings before they are compared; and *one new setting*, which may differ as much as those of
# the trials did. On a stated baseline all settings share it, and only their effects differ. On the baselines of the
# trials each setting has its own, and a new one is refused: baselines that are each their own
# (`baseline="fixed"`) say nothing of the next. The number needed to treat is given in two rows, because where the
# risk difference may be zero its interval runs through infinity (Altman 1998, doi 10.1136/bmj.317.7168.1309):

# %%
pooled = bm.predict(exact, baseline="pooled", favours="lower")
print(pooled.attrs["baseline"])
for name, meaning in pooled.attrs["estimands"].items():
    print(f"{name}: {meaning}")
pd.Series(pooled.attrs["nnt"], name="number needed to treat").to_frame()

# %%
findings = bm.summary_of_findings(exact, outcome="bloodstream infection", favours="lower", baseline=0.03)
findings.rename(columns=findings.attrs["headings"]).T

# %% [markdown]
# ## 7. Nothing happened in forty patients
#
# In Wang 2014 (doi 10.1186/ar4520) none of 40 patients had an event related to the transplantation. The rate is not
# zero; how high may it be? The rule of three says: at most 3 / 40 = 7.5 %, with 95 % confidence. A posterior
# gives the probability of any limit, and shows how much of it is the prior.

# %%
forty = bm.ArmCounts.from_counts([0], [40], ["Wang 2014"])
limits = {}
for prior in ("Logistic(0, 1)", "Normal(0, 10)", "Normal(-3, 1.5)", "Normal(-4, 1)"):
    fit = bm.fit(forty, priors={"mu": prior}, random_effects="none", engine="exact", random_seed=1)
    rate = bm.predict(fit, above=[0.01, 0.05], ci_prob=0.9).loc["proportion"]
    limits[f"logit ~ {prior}"] = {
        "median": rate["median"],
        "95 % limit": rate["ci_high"],
        "P(> 1 %)": rate["P(> 0.01)"],
        "P(> 5 %)": rate["P(> 0.05)"],
        "overlap with the prior": prior_overlap(fit)["mu"],
    }
uniform = bm.fit(
    forty, distribution="beta-binomial", priors={"mean": "Beta(1, 1)", "kappa": "Gamma(1e6, 1)"}, engine="exact",
    random_seed=1,
)  # fmt: skip
rate = bm.predict(uniform, above=[0.01, 0.05], ci_prob=0.9).loc["mean proportion"]
limits["rate ~ Beta(1, 1)"] = {
    "median": rate["median"],
    "95 % limit": rate["ci_high"],
    "P(> 1 %)": rate["P(> 0.01)"],
    "P(> 5 %)": rate["P(> 0.05)"],
    "overlap with the prior": prior_overlap(uniform)["mean"],
}
pd.DataFrame.from_dict(limits, orient="index").round(3)

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
grid = np.linspace(0.0005, 0.15, 300)
for label, style in zip(limits, ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))), strict=True):
    if label.startswith("rate"):
        fit, name = uniform, "mean proportion"
    else:
        text = label.removeprefix("logit ~ ")
        fit = bm.fit(forty, priors={"mu": text}, random_effects="none", engine="exact", random_seed=1)
        name = "proportion"
    beyond = bm.predict(fit, above=list(grid[::6])).loc[name].filter(like="P(>").to_numpy(dtype=float)
    axes.plot(100 * grid[::6], beyond, color="black", ls=style, lw=1.4, label=label)
axes.axvline(7.5, color="black", lw=0.8, alpha=0.5)
axes.annotate("rule of three", (7.5, 0.85), xytext=(4, 0), textcoords="offset points", fontsize=9)
axes.set_xlabel("rate of the event, % of patients")
axes.set_ylabel("probability that\nthe true rate is higher")
axes.set_title("0 of 40 patients (Wang 2014), by prior", loc="left", fontsize=10)
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, fontsize=9)
plt.close(figure)
figure

# %% [markdown]
# A rate above 5 % is unlikely, a rate above 1 % is open, and the limit depends on the prior: quote the prior with
# it. Logistic(0, 1), the default, is the uniform prior on the risk, and close to the rule of three. A very wide prior
# on the logit is no ignorance: Normal(0, 10) holds, before any patient was seen, that a rate below one in ten
# thousand has a probability of 0.18.
#
# ## What to keep
#
# 1. Analyse rare events by their counts; report the corrected odds ratio only beside them.
# 2. Leave trials without events in; ask what they said (`attrs["notes"]`, section 4).
# 3. Give absolute risks with their baseline in words, and numbers needed to treat through infinity.
# 4. Where prior and posterior overlap, say that the prior set the answer.
