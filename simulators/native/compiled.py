"""How kernels are compiled: by Numba, outside the interpreter's lock, and kept for the next run."""

from collections.abc import Callable
from typing import Any

import numba


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays when it is first called.

    The machine code is kept beside the source or in the user's cache directory; where neither can
    be written, as on a read-only system, it is compiled anew in every process.
    """
    try:
        return numba.njit(cache=True, nogil=True, boundscheck=False)(function)
    except RuntimeError:  # Numba found no place for the cache
        return numba.njit(nogil=True, boundscheck=False)(function)
