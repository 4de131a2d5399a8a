"""Are rows shared out to threads the rows of one call, and is BLAS left as it was found?"""

from __future__ import annotations

import os

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from bayesma.numerics.threads import MOST, by_rows, one_blas_thread


@pytest.mark.parametrize("rows", [1, 7, 10, 23])
@pytest.mark.parametrize("cores", [1, 2, 64])
def test_every_row_is_done_once_and_in_order(rows: int, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores), raising=False)
    values, parts = np.arange(3.0 * rows).reshape(rows, 3), []

    def doubled(part: slice) -> np.ndarray:
        parts.append(part)
        return 2.0 * values[part]

    np.testing.assert_array_equal(by_rows(doubled, rows, 5), 2.0 * values)
    assert len(parts) == max(1, min(cores, MOST, rows // 5))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(2), raising=False)
    values = np.arange(10.0)
    np.testing.assert_array_equal(by_rows(lambda part: values[part], 10, 1), values)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(by_rows(lambda part: values[part], 10, 1), values) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_calls_within_calls_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    values = np.arange(400.0)

    def inner(part: slice) -> np.ndarray:
        own = values[part]
        return by_rows(lambda some: 2.0 * own[some], own.size, 1)

    np.testing.assert_array_equal(by_rows(inner, 400, 1), 2.0 * values)


def test_an_error_in_any_part_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(2), raising=False)

    def failing(part: slice) -> np.ndarray:
        if part.start:
            raise ValueError("second half")
        return np.zeros(5)

    with pytest.raises(ValueError, match="second half"):
        by_rows(failing, 10, 1)


def blas_threads() -> set[int]:
    """Threads that the BLAS libraries may use."""
    return {library["num_threads"] for library in ThreadpoolController().select(user_api="blas").info()}


def test_blas_has_one_thread_meanwhile_and_as_many_as_before_after_fits_that_overlap() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        assert blas_threads() == {1}
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {2}
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        assert blas_threads() == {2}
