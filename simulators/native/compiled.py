"""Compilation of kernels with Numba, without the interpreter's lock, cached for later runs."""

from collections.abc import Callable
from typing import Any

import numba


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays when it is first called.

    The machine code is cached beside the source or in the user's cache directory. If neither can be
    written, for example on a read-only system, every process compiles it anew.
    """
    try:
        return numba.njit(cache=True, nogil=True, boundscheck=False)(function)
    except RuntimeError:  # Numba found no place for the cache
        return numba.njit(nogil=True, boundscheck=False)(function)
