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
# # How probable is it that patients benefit?
#
# You know trials, confidence intervals and p-values. This notebook takes the published randomised results of
# mesenchymal stem cells (MSC) in lupus (Zhou 2020, doi 10.1155/2020/6518508) from the printed table to a
# decision, and explains each Bayesian word when it comes up.
#
# A p-value answers: *if the cells did nothing, how often would a trial show a difference this large?* The
# question at the bedside is another one: *given what the trial showed, how probable is it that patients
# benefit, and by how much?* That is a **posterior probability**, and it is what bayesma computes.

# %%
import warnings

import bayesma as bm

warnings.simplefilter("always", UserWarning)

# %% [markdown]
# ## 1. The numbers as printed
#
# One row for each outcome and month. `k` is the number of trials behind a row: a row with `k = 2` is already
# a pooled result, not two trials.

# %%
published = bm.load_data("published_pooled_results")
sledai = published[(published["source"] == "Zhou 2020") & (published["outcome"] == "SLEDAI")]
sledai[["outcome", "timepoint_months", "k", "estimate", "ci_low", "ci_high", "p_effect"]]

# %% [markdown]
# SLEDAI measures disease activity: **lower is better**, and the estimate is the mean difference, cells minus
# control. Take month 6: -4.25 points (95 % CI -6.78 to -1.72).

# %%
month_6 = sledai[sledai["timepoint_months"] == 6]
effect = bm.effect_sizes(
    month_6, "MD", study="source", estimate="estimate", ci_low="ci_low", ci_high="ci_high"
)
effect.to_frame()

# %% [markdown]
# ## 2. The prior, in plain words
#
# A **prior** states which effects were plausible before this trial. Ours is deliberately weak: a normal
# distribution around no effect with an sd of 11.2 points, twice the spread between patients (5.6 points, from
# the placebo-controlled trial of Deng 2017). It is neither for nor against the cells, and only calls effects of
# 30 points absurd.
#
# `random_effects="none"` says: estimate the effect *this trial* measured, without asking about other hospitals.
# `engine="exact"` integrates without simulation; nothing random is in the answer.

# %%
this_trial = bm.fit(
    effect, priors={"mu": "Normal(0, 11.2)"}, random_effects="none", engine="exact", random_seed=1
)
bm.summary(this_trial).round(2)[["mean", "sd", "ci_low", "ci_high"]]

# %% [markdown]
# The interval is called a **credible interval**, and it may be read the way everyone reads confidence
# intervals: given the trial and the prior, the effect lies in it with 95 % probability.
#
# ## 3. Probability of benefit
#
# - `p_benefit`: any benefit at all (the effect is below 0)
# - `p_mid`: a benefit that matters, here at least 2.8 points (half the spread between patients)
# - `p_harm`: the effect is on the wrong side of 0

# %%
bm.benefit(this_trial, favours="lower", mid=2.8).round(4)

# %% [markdown]
# Beside it, the classical answer. The two agree where the data speak clearly, but answer different questions.

# %%
classical = bm.frequentist(effect, method="EE", ci="wald")
bm.compare({"Bayesian": this_trial, "classical": classical}).round(2)

# %% [markdown]
# ## 4. The next hospital
#
# One trial cannot say how much effects differ from hospital to hospital. That difference is called `tau`, a
# standard deviation between settings. With one trial the data are silent on it, so its prior decides: we say
# HalfNormal(1.4), a quarter of the spread between patients. The mean over settings (`mu`) and the effect in the
# next one (`theta_new`) are then less certain than the effect in this trial, as they should be.

# %%
settings = bm.fit(
    effect, priors={"mu": "Normal(0, 11.2)", "tau": "HalfNormal(1.4)"}, engine="exact", random_seed=1
)
bm.benefit(settings, favours="lower", mid=2.8).round(4)

# %% [markdown]
# How much of the answer is the prior? For `mu` little, for `tau` everything: that is why bayesma prints it.

# %%
from bayesma.posterior.prior_share import prior_share

prior_share(settings).round(3)

# %% [markdown]
# ## 5. Sampling, and why to trust it
#
# Larger models cannot be integrated exactly and are sampled (NUTS). Here both are possible, so every sampled fit
# carries its disagreement with the exact answer, in units of its own Monte Carlo error (`z`).

# %%
sampled = bm.fit(
    effect, priors={"mu": "Normal(0, 11.2)", "tau": "HalfNormal(1.4)"}, random_seed=1, progressbar=False
)
bm.crosscheck(sampled).round(3)

# %% [markdown]
# ## 6. Every outcome, every month
#
# The shipped analysis `zhou2020` does this for all rows, with a prior for each outcome and its cautions.

# %%
analysis = bm.run("zhou2020", engine="exact")
table = analysis.table()
primary = table[table.index.str.endswith(".estimated")]
primary[["label", "k", "estimate", "ci_low", "ci_high", "p_benefit", "p_mid", "frequentist_p_value"]].round(3)

# %%
figure = bm.plots.posterior(this_trial, "mu", mid=2.8, favours="lower")
figure

# %% [markdown]
# ## 7. The decision
#
# At month 6 a benefit in SLEDAI is nearly certain in the trial that measured it, and a benefit that matters is
# likely. At month 12 (two trials, pooled by the review) both are open: the probability of any benefit is about
# 0.8, that of one that matters about 0.05. Creatinine settles nothing at any month. A committee that requires, say,
# a probability above 0.95 for a benefit that matters finds the rows below: early ones (months 2 and 3), and an
# odds ratio of adverse events that nobody can verify.
#
# Three limits stand beside every number: the rows come from the same few small trials, they are summaries and
# not patients, and the adverse-event odds ratio of the review cannot be rebuilt from the counts it prints.

# %%
primary.loc[primary["p_mid"] > 0.95, ["label", "p_benefit", "p_mid"]].round(3)
