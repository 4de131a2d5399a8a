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
# # Relapse after transplantation: should it be repeated at month 6?
#
# In the multicentre trial of umbilical-cord mesenchymal stem cells in lupus (Wang 2014, doi 10.1186/ar4520) 13 of 40
# patients reached a major and 11 a partial response. Of these 24 responders 3 had relapsed by month 9 and 4 more by
# month 12. The authors conclude that the transplantation should be repeated after 6 months.
#
# Two questions hide in that sentence. Does relapse really come *faster* after month 6? And if it does, how many
# months free of relapse would a second transplantation add? Seven relapses have to answer both.
#
# Bayesian words (prior, posterior, credible interval) are explained in `01_probability_of_benefit`.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import bayesma as bm

pd.set_option("display.max_colwidth", 120)
pd.set_option("display.width", 160)
pd.set_option("display.max_columns", 20)

# %% [markdown]
# ## 1. What was printed
#
# The abstract prints percentages by month. As intervals of follow-up they read: 24 responders at risk in (0, 9], 3 of
# whom relapsed at some time in it; 21 at risk in (9, 12], of whom 4 relapsed. *When* in the nine months the three
# relapsed is not known. bayesma never places them: it adds the intensity up over the whole interval.
#
# Time runs from transplantation. When a response was reached is not printed either; until then nobody could relapse
# from it. Deaths among the responders are not printed, and every fit below says so.

# %%
rows = bm.load_data("wang2014_relapse")
ROLES = {role: role for role in ("study", "start", "stop", "at_risk", "relapses")}


def coded(name: str) -> bm.FollowUp:
    """The responders in one of the codings of the data set."""
    return bm.FollowUp.from_frame(rows[rows["coding"] == name], **ROLES)


responders = coded("primary")
print(responders.to_frame())
print(*responders.notes, sep="\n")

# %% [markdown]
# ## 2. Does relapse come faster after month 6?
#
# The intensity of relapse (relapses a month among patients still free of it) may change at month 6. Priors: about 2 in
# 100 a month, give or take a factor of 50; the second period is like the first, give or take `sigma_h` on the log
# scale. A new hospital may differ by `s`.

# %%
fit = bm.fit(responders, periods=[6, 12], engine="exact", random_seed=1)
change = bm.hazard(fit)
print(change[["median", "ci_low", "ci_high"]].round(3))
print(f"P(faster after month 6) = {change.attrs['p_rises']:.2f}")

# %%
figure = bm.plots.hazard(fit)

# %% [markdown]
# Probably faster, but by how much nobody can say: the interval of the ratio runs from slower to many times as fast.
# That is what 24 responders can tell. The data reach the first period only through an interval that spans both.
#
# ## 3. Does the answer survive another reading?
#
# Four other readings of the same abstract, and two other priors of how months hang together:
#
# - *after month 6*: nobody relapsed before month 6, as the wording of the abstract suggests;
# - *entry at month 1, 3, 6*: all responses came that late, so that the months before are no time at risk;
# - both periods independent a priori, or a Weibull course in place of the two steps.

# %%
readings = {name: (name, {"periods": [6, 12]}) for name in rows["coding"].unique()}
readings |= {
    "primary, periods independent": ("primary", {"periods": [6, 12], "hazard": "independent"}),
    "primary, Weibull": ("primary", {"hazard": "weibull"}),
}
lines = {}
for label, (coding, model) in readings.items():
    other = bm.fit(coded(coding), engine="exact", random_seed=1, **model)
    answer = bm.hazard(other)
    ratio = answer.loc["ratio", ["median", "ci_low", "ci_high"]].round(1).tolist()
    free = bm.predict(other, months=[12]).loc[("typical study", "relapse-free at month 12"), "median"]
    lines[label] = {
        "P(faster)": round(answer.attrs["p_rises"], 2),
        "ratio [95 %]": ratio,
        "free at 12": round(free, 2),
    }
print(pd.DataFrame(lines).T)

# %% [markdown]
# Freedom from relapse at month 12 hardly moves while somebody is at risk from the start: that much the counts
# determine. Whether relapse *accelerates* depends on readings that the abstract leaves open, and on the prior: periods
# that are independent a priori may differ more than those that resemble each other. The later the responses came, the
# less there is to see. If all came at month 6, nobody is at risk before it: the early period is then what the prior and
# the later months make of it, and the probability is not far from that of the prior, one half.
#
# ## 4. The course, here and in the next hospital

# %%
course = bm.predict(fit, months=[6, 12], to=[12, 24])
print(course[["median", "ci_low", "ci_high"]].round(2))
print(*course.attrs["notes"], sep="\n")

# %%
figure = bm.plots.relapse(fit)

# %% [markdown]
# ## 5. What would a second transplantation gain?
#
# Nobody in the trial was transplanted twice on purpose, so the data say nothing about what repeating does. It has to
# be assumed, and the assumption printed. Let f be how far a second transplantation sets back the clock of relapse: with
# f = 0 nothing changes, with f = 1 the intensity starts again as it did at month 0. A sceptic expects little (Beta(1, 4),
# a fifth on average), the neutral belief holds any f alike, and the trialists, who recommend to repeat, expect most of
# it (Beta(4, 1)).

# %%
gain = bm.retreatment(fit, month=6, to=[12, 24], gain=[1, 3])
print(gain.loc["typical study"].round(2))
for belief, law in gain.attrs["restoration"].items():
    print(f"{belief}: f ~ {law}")
typical = gain.loc["typical study"]
assert typical["gain"].max() < 1.0  # what the text below says
assert typical["P(gain > 1)"].max() < 0.5

# %%
figure = bm.plots.retreatment(fit, to=24)

# %% [markdown]
# Even those who believe that a second transplantation nearly restores the start expect less than one month more free of
# relapse within two years, and under every belief a gain of more than one month is less probable than not. Where the
# intensity does not rise, starting anew gains nothing: the gain may even be negative.
#
# ## 6. The whole cohort
#
# Of 40 patients transplanted, where is each after a year? Response, relapse and survival come from three fits of the
# same trial.

# %%
outcomes = bm.load_data("wang2014_outcomes").set_index("outcome")


def share_of(outcome: str) -> bm.ArmCounts:
    """One count of the trial."""
    row = outcomes.loc[outcome]
    return bm.ArmCounts.from_counts([row["events"]], [row["n"]], [row["study"]])


single = {"random_effects": "none", "engine": "exact", "random_seed": 1}
alive, any_response, major = (
    bm.fit(share_of(name), **single) for name in ("alive", "any response", "major response among responders")
)
cohort = bm.occupancy(any_response, major, fit, survival=alive, survival_month=12, months=range(1, 13))
print(cohort.loc[12, ["mean", "ci_low", "ci_high"]].round(2))
print(*cohort.attrs["notes"], sep="\n")

# %%
figure = bm.plots.occupancy(cohort)
plt.close("all")

# %% [markdown]
# ## 7. What these counts cannot tell
#
# - Whether relapse accelerates: the answer moves with readings of the abstract that only the authors can decide between.
#   The month of each response and of each relapse, 24 numbers, would settle it.
# - What repeating does. That takes patients who were transplanted twice, and others who could have been and were not.
# - How the next hospital differs: there is one trial, and the sd between studies is its prior's.
# - What the cells did. There was no control arm.
#
# `bayesma run wang2014` writes all of this as a report; `bayesma run msc_relapse` adds the other cohorts, with the rule
# that counts no patient twice.
