"""Checks of numbers from files: finite, of the expected shape, and whole if they must be."""

from typing import Any

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import frozen

EXACT_INTEGER = 1 << 53
"""Integers up to this are exact in float64."""


def numbers(value: Any, size: int, what: str) -> np.ndarray:
    """A vector float64 [size] of finite numbers; anything else is an error.

    Args:
        value: value as read from a file.
        size: number of values that are expected.
        what: description of the value, for errors.
    """
    return frozen(_numeric(value, what), np.float64, (size,), what)


def whole(value: Any, dtype: Any, shape: int | tuple[int, ...], what: str) -> np.ndarray:
    """An array of whole numbers that the integer dtype holds; anything else is an error.

    Args:
        value: value as read from a file.
        dtype: an integer type of NumPy.
        shape: shape that is expected; a number is the length of a vector.
        what: description of the value, for errors.
    """
    expected = shape if isinstance(shape, tuple) else (shape,)
    return frozen(_numeric(value, what), dtype, expected, what)


def whole_float(value: Any, size: int, what: str) -> np.ndarray:
    """A vector int64 [size] of whole numbers that float64 holds exactly.

    Args:
        value: value as read from a file.
        size: number of values that are expected.
        what: description of the value, for errors.
    """
    given = numbers(value, size, what)
    if np.abs(given).max(initial=0) > EXACT_INTEGER:
        raise UltralifError(f"{what}: reaches {np.abs(given).max():g}; expected at most 2^53")
    return whole(given, np.int64, size, what)


def _numeric(value: Any, what: str) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise UltralifError(f"{what}: values of type {array.dtype}; expected numbers")
    # Before any arithmetic: rounding a signalling NaN would warn.
    if not np.all(np.isfinite(array)):
        raise UltralifError(f"{what}: values that are NaN or infinite; expected numbers")
    return array
