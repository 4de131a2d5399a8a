"""An interrupt is an interrupt, whatever the compiled code that it falls into makes of it."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

import bayesma as bm
from bayesma.engines import fit as fitting
from bayesma.errors import BayesmaError, interruptible


def interrupted(how: str) -> None:
    """Be hit by Ctrl-C, and make of it what compiled code does."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        if how == "lost":
            return
        raise (RuntimeError if how == "nutpie" else SystemError)("Caused by: KeyboardInterrupt") from None


@pytest.fixture(autouse=True)
def the_usual_handler_is_back():
    """Whatever happens inside, Ctrl-C means afterwards what it meant before."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("how", ["nutpie", "numba", "lost"])
@pytest.mark.parametrize("depth", [1, 2])
def test_an_interrupt_keeps_its_name(how: str, depth: int) -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), interruptible():
        if depth == 1:
            interrupted(how)
        else:
            with interruptible():  # a fit of a batch: it ends there, not with the batch
                interrupted(how)
            reached = True
    assert not reached


@pytest.mark.parametrize("how", ["nutpie", "numba", "lost"])
def test_an_interrupt_ends_a_fit(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(fitting, "fit_exact", lambda *_, **__: interrupted(how))
    effects = bm.Effects.from_estimates([0.5, 0.1], [0.2, 0.3], measure="SMD")
    with pytest.raises(KeyboardInterrupt):
        bm.fit(effects, engine="exact", random_seed=1)


class Dropped:
    """Something whose destructor is interrupted, or fails."""

    def __init__(self, error: type[BaseException] | None) -> None:
        self.error = error

    def __del__(self) -> None:
        """Fail where Python can only print it."""
        if self.error is not None:
            raise self.error("dropped")
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException]]:
    """What Python printed of exceptions that it could not raise."""
    found: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: found.append(what.exc_type))
    return found


def test_an_interrupt_in_a_destructor_is_raised_and_not_printed(printed: list[type[BaseException]]) -> None:
    """One of ten at random moments of `bayesma run`: the run went on to its end, after a traceback."""
    with pytest.raises(KeyboardInterrupt), interruptible():
        Dropped(None)
    assert printed == []


def test_what_else_a_destructor_raises_is_printed(printed: list[type[BaseException]]) -> None:
    with interruptible():
        Dropped(ValueError)
    assert printed == [ValueError]


def test_errors_and_results_pass() -> None:
    with pytest.raises(BayesmaError, match="mine"), interruptible():
        raise BayesmaError("mine")
    with interruptible():
        pass


@pytest.mark.parametrize("own", [signal.SIG_IGN, lambda *_: None])
def test_a_handler_of_the_users_program_is_left_alone(own) -> None:
    usual = signal.signal(signal.SIGINT, own)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGINT) is own
            signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        pytest.fail("interrupted")
    finally:
        signal.signal(signal.SIGINT, usual)


def test_threads_of_the_users_program_can_fit() -> None:
    """Python lets only the main thread set handlers."""
    done: list[int] = []

    def work() -> None:
        """Fit, in small."""
        with interruptible():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]
