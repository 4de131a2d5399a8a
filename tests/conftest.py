"""What every test shares: one Hypothesis profile, in which a slow machine is no fault; memory given back."""

from __future__ import annotations

import ctypes
import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("bayesma", deadline=None)
settings.load_profile("bayesma")

# a shell's background job ignores Ctrl-C, and so would tests that raise it themselves
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# glibc keeps freed arrays of some MB for later, unless the size that goes back at once is fixed (mallopt,
# option -3); other C libraries have neither function
LIBC = ctypes.CDLL(None)
TRIM, OPTION = getattr(LIBC, "malloc_trim", None), getattr(LIBC, "mallopt", None)
AT_ONCE, LARGE = -3, 1 << 20
if OPTION is not None:
    OPTION(AT_ONCE, LARGE)


@pytest.fixture(scope="module", autouse=True)
def memory_given_back() -> Iterator[None]:
    """Return what the tests of a module have freed: a process of the suite stays below 1 GiB."""
    yield
    gc.collect()
    if TRIM is not None:
        TRIM(0)
