"""Compilation of kernels with Numba, without the interpreter's lock, cached for later runs."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

import ultralif_deploy.program

SOURCES = (Path(__file__).parents[1], Path(ultralif_deploy.program.__file__).parent)
"""Folders with all code that kernels call."""


@functools.cache
def sources_digest() -> str:
    """SHA-256 of the code in `SOURCES`."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


class KernelCache(caching.FunctionCache):
    """Machine code that is used only while all sources are those from which it was compiled.

    Numba looks at the file of a kernel alone, not at those of the functions that it calls.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = caching.IndexDataCacheFile(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=(self._impl.locator.get_source_stamp(), sources_digest()),
        )


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays when it is first called.

    The machine code is cached beside the source or in the user's cache directory. If neither can be
    written, for example on a read-only system, every process compiles it anew.
    """
    kernel: Any = numba.njit(nogil=True, boundscheck=False)(function)
    try:
        kernel._cache = KernelCache(function)  # as `cache=True` does with Numba's own
    except RuntimeError:  # Numba found no place for the cache
        return kernel
    return kernel


def inlined(function: Callable[..., Any]) -> Any:
    """Make a function a part of every kernel that calls it, and compile it there alone.

    A kernel's machine code is optimized again in every kernel that calls it, level by level.
    """
    return numba.njit(inline="always", boundscheck=False)(function)
