"""The correlation between the visits of one study, as users state it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import DataError, OptionError, PriorError
from bayesma.evidence.validation import shown
from bayesma.priors import Prior

type Array = NDArray[np.float64]
type Given = float | str | Prior | Mapping[str, float]  # how a correlation may be given

STRUCTURES = ("ar1-visit", "ar1-month", "cs")
MONTHLY, SAME = "ar1-month", "cs"  # decays over months; the same between any two visits
DISTANCE = 6.0  # months apart at which a prior on a correlation that decays over months is stated
LEVELS = 400  # midpoints of even shares of a prior
GIVEN = "given"  # structure of covariances that no correlation stands behind
STEEPEST = 2.0  # largest exponent of the lags: beyond it no data could have the correlations


@dataclass(frozen=True, slots=True)
class Stated:
    """What a user says of the correlation between the visits of a study.

    Attributes
    ----------
    correlation
        A number, one a study, or a prior.
    structure
        How it decays; None leaves it to `settled`.
    decay
        Exponent of the lags, or its prior.
    distance
        Months apart at which a prior on the correlation holds, where it decays over months; None for the
        default.
    """

    correlation: Given | None
    structure: str | None
    decay: float | str | Prior | None = None
    distance: float | None = None

    @property
    def has_prior(self) -> bool:
        """Whether the correlation has a prior."""
        return isinstance(self.correlation, str | Prior)

    def settled(self, usual: str) -> Settled:
        """The same with a structure: that given, else `usual` of a number, and of a prior ``"cs"``.

        A prior says nothing of how the correlation decays: that of one month, to the power of twelve, is
        almost independence over a year. What decays by a stated `decay` is `usual` under a prior too.

        Raises
        ------
        OptionError
            For an unknown structure, and a distance that is none or has no use.
        """
        chosen = self.structure
        if chosen is None:
            chosen = SAME if self.has_prior and self.decay is None else usual
        if chosen not in STRUCTURES:
            raise OptionError(f"within_structure is {chosen!r}; it must be one of: {', '.join(STRUCTURES)}")
        if self.distance is None:
            apart = DISTANCE if self.has_prior and chosen == MONTHLY else 1.0
            return Settled(self.correlation, chosen, self.decay, apart)
        if not self.has_prior or chosen != MONTHLY:
            raise OptionError(
                f"within_distance is {shown(self.distance)}, the months apart at which a prior on the "
                f"correlation holds; it goes with a prior and within_structure={MONTHLY!r} only; leave it out"
            )
        given = self.distance
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0.0 < given < np.inf:
            raise OptionError(
                f"within_distance is {shown(self.distance)}; give a number of months above 0, for example "
                f"{DISTANCE:g}"
            )
        return Settled(self.correlation, chosen, self.decay, float(self.distance))


@dataclass(frozen=True, slots=True)
class Settled:
    """What is said of the correlation, with its structure and the months its prior is stated at.

    Lags of ``"ar1-month"`` are counted in units of `distance`: 1 month for a number.
    """

    correlation: Given | None
    structure: str
    decay: float | str | Prior | None
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class Correlation:
    """The correlation between the visits of a study: one number, one a study, or a prior.

    Attributes
    ----------
    each
        Number for each study, shape (k,); of a prior, its median.
    prior
        Prior, if the correlation has one.
    common
        The number, if all studies share it.
    structure
        How it decays: ``"ar1-visit"``, ``"ar1-month"`` or ``"cs"``; ``"given"`` where there is none.
    decay
        Exponent of the lags, or its prior: 1 leaves them as they are, 0 makes all lags alike.
    distance
        Months apart at which its prior is stated; None where it has none that decays over months.
    """

    each: Array
    prior: Prior | None
    common: float | None
    structure: str
    decay: float | Prior = 1.0
    distance: float | None = None

    @classmethod
    def read(
        cls,
        stated: Settled,
        studies: Sequence[str],
        times: NDArray[np.intp],
        source: str | None,
        lag: Array,
    ) -> Correlation:
        """The correlation as users give it.

        `times` says how often each study was measured (up to 1: no correlation is needed), shape (k,), and
        `lag` are the powers the correlation will be raised to.
        """
        given, structure = stated.correlation, stated.structure
        decay = _decay(stated, source)
        repeated = [study for study, many in zip(studies, times > 1, strict=True) if many]
        if given is None:
            if repeated:
                raise _unstated(repeated[0], int(times[list(studies).index(repeated[0])]), source)
            return cls(np.zeros(len(studies)), None, None, GIVEN)
        if isinstance(given, str | Prior):
            prior = _prior(given)
            middle = np.full(len(studies), float(prior.ppf(0.5)))
            distance = stated.distance if structure == MONTHLY else None
            return cls(middle, prior, None, structure, decay, distance)
        if isinstance(decay, Prior):
            raise OptionError(
                "within_decay has a prior and within_correlation has none; give it one too, for example "
                "within_correlation='Beta(2, 2)'"
            )
        lag = _damped(lag, decay)
        if isinstance(given, Mapping):
            each, common = _by_study(given, studies, repeated, source), None
        else:
            common = _number(given, None, source)
            each = [common] * len(studies)
        for study, value in zip(studies, each, strict=True):
            if value < 0 and np.any(lag != np.round(lag)):
                raise DataError(
                    f"{source or 'the input'}, {study}: within_correlation is {value:g} and visits are not "
                    "whole months apart; a negative number has no fractional power; give 0 or more, "
                    "or within_structure='ar1-visit'"
                )
        return cls(np.array(each), None, common, structure, decay)

    def powers(self, lag: Array) -> Array:
        """What the correlation is raised to at each lag; at the median of a prior on the decay."""
        exponent = float(self.decay.ppf(0.5)) if isinstance(self.decay, Prior) else self.decay
        return _damped(lag, exponent)

    def covariance(self, within: Array, lag: Array) -> Array:
        """Covariances, shape (k, t, t), from their coefficients by lag."""
        return np.asarray(np.einsum("kstl,kl->kst", within, self.each[:, None] ** self.powers(lag)))

    @property
    def stated(self) -> float | Prior | None:
        """The number all studies share, or the prior; None where each has its own."""
        return self.common if self.prior is None else self.prior

    def notes(self, studies: Sequence[str], ends: tuple[str, str], lag: float) -> tuple[str, ...]:
        """Which correlation each study has, where they differ; what a prior implies over the follow-up.

        `ends` name the first and the last measurement, of which `lag` is the distance, as powers count it.
        """
        if self.prior is not None:
            return (self._implied(ends, lag),) if lag > 0.0 else ()
        if self.stated is not None or self.structure == GIVEN:
            return ()
        each = ", ".join(f"{study} {value:g}" for study, value in zip(studies, self.each, strict=True))
        return (f"Correlation between the visits of a study, as given: {each}.",)

    def _implied(self, ends: tuple[str, str], lag: float) -> str:
        """What the prior says of the correlation over the whole follow-up, in one sentence."""
        assert self.prior is not None, "asked of priors only"
        levels = (np.arange(LEVELS) + 0.5) / LEVELS
        exponents = self.decay.ppf(levels) if isinstance(self.decay, Prior) else np.array([self.decay])
        found = (self.prior.ppf(levels)[:, None] ** (lag**exponents)).ravel()
        tails = [0.025, 0.975]
        known = exponents.size == 1  # then the quantiles are those of the prior, raised
        low, high = self.prior.ppf(tails) ** (lag ** exponents[0]) if known else np.quantile(found, tails)
        how = {
            "ar1-visit": "from one visit to the next",
            MONTHLY: f"of values {1.0 if self.distance is None else self.distance:g} months apart",
            SAME: "between any two visits",
        }[self.structure]
        return (
            f"The within-study correlation has the prior {self.prior} {how}: for {ends[0]} with {ends[1]} "
            f"this implies a correlation of {found.mean():.2f} on average, 95 % probable between {low:.2f} "
            f"and {high:.2f}."
        )


def refuse_strangers(names: Sequence[str], studies: Sequence[str], argument: str, source: str | None) -> None:
    """Raise for a study that an argument names and the table does not hold."""
    for name in names:
        if name not in studies:
            raise DataError(
                f"{source or 'the input'}: {argument} names the study {name!r}, which is not there; "
                f"the studies are: {', '.join(studies)}; correct the name"
            )


def _damped(lag: Array, decay: float) -> Array:
    """Lags to the power of the decay; a visit stays at no distance from itself."""
    return np.asarray(np.where(lag > 0.0, np.abs(lag) ** decay, 0.0))


def _decay(stated: Settled, source: str | None) -> float | Prior:
    """The exponent of the lags, or its prior.

    Damped exponential correlations, Munoz et al., Biometrics 1992;48:733-742: positive definite up to 2.
    """
    given = stated.decay
    if given is None:
        return 1.0
    if stated.structure == "cs":
        raise OptionError("within_decay has no use with within_structure='cs'; leave one of them out")
    if isinstance(given, str | Prior):
        prior = Prior.parse(given)
        low, high = prior.support
        if not (prior.is_proper and low >= 0.0 and high <= STEEPEST):
            raise PriorError(
                f"prior {prior} for within_decay reaches from {low:g} to {high:g}; it must stay within 0 and "
                f"{STEEPEST:g}; for example Uniform(0, 1)"
            )
        return prior
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0.0 <= given <= STEEPEST:
        raise OptionError(
            f"{source or 'the input'}: within_decay is {shown(given)}; give a number from 0 to {STEEPEST:g}, "
            "or a prior such as 'Uniform(0, 1)'"
        )
    return float(given)


def _unstated(study: str, visits: int, source: str | None) -> DataError:
    """Error for a correlation that nobody gave."""
    return DataError(
        f"{source or 'the input'}, {study}: it was measured {visits} times, and the correlation between "
        "these must be stated; give within_correlation a number (0 for independent measurements) or a prior "
        "such as 'Uniform(0, 1)'"
    )


def _by_study(
    given: Mapping[str, float], studies: Sequence[str], repeated: Sequence[str], source: str | None
) -> list[float]:
    """Correlation of each study; 0 stands where none is needed."""
    numbers = {str(study).strip(): value for study, value in given.items()}
    refuse_strangers(list(numbers), studies, "within_correlation", source)
    absent = [study for study in repeated if study not in numbers]
    if absent:
        raise DataError(
            f"{source or 'the input'}: within_correlation has no value for {absent[0]}; "
            "give one to every study, or one number for all"
        )
    return [_number(numbers[study], study, source) if study in numbers else 0.0 for study in studies]


def _prior(given: str | Prior) -> Prior:
    """A prior that a correlation can have."""
    prior = Prior.parse(given)
    low, high = prior.support
    if not (prior.is_proper and low >= 0 and high <= 1):
        raise PriorError(
            f"prior {prior} for within_correlation reaches from {low:g} to {high:g}; it must stay within 0 "
            "and 1; for example Uniform(0, 1) or Beta(2, 2)"
        )
    return prior


def _number(value: object, study: str | None, source: str | None) -> float:
    """A correlation inside (-1, 1)."""
    where = source or "the input"
    where = where if study is None else f"{where}, {study}"
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: within_correlation is {shown(value)}; it must be a number") from error
    if not -1 < number < 1:
        raise DataError(
            f"{where}: within_correlation is {number:g}; a correlation lies between -1 and 1, both excluded; "
            "correct it"
        )
    return number
