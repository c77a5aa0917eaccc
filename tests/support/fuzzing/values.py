"""Values that a file from outside may hold where something else belongs."""

from random import Random
from typing import Any

import numpy as np

LONG_TEXT = "x" * 70_000

SCALARS: tuple[Any, ...] = (
    *(None, True, False, "", "8", "nan", LONG_TEXT, "\ud800", "a\x00b", "\u202etxt", "/etc/passwd"),
    *(0, 1, -1, 2**31, -(2**63), 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *([], {}, [[]], {"": None}, [1, 2, 3], [None] * 100),
)
"""For JSON and TOML, and for the settings that a checkpoint keeps."""

SHAPES = ((), (0,), (1,), (3,), (1, 1), (0, 5), (2, 3, 4), (1, 1, 1, 1), (64, 10), (10, 64))
TYPES = ("?", "i1", "u1", "i2", "<i4", ">i4", "i8", "u8", "f2", "f4", ">f8", "c16")
FILLS = (0, 1, -1, 127, 1e-300, 1e30, np.nan, np.inf, -np.inf)


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def scalar(random: Random) -> Any:
    """One of `SCALARS`, or lists in lists."""
    if random.random() < 0.05:
        return nested(random.choice((20, 100)))
    return random.choice(SCALARS)


def array(random: Random, like: np.ndarray | None = None) -> np.ndarray:
    """An array of another shape, type or content.

    Args:
        random: chooses.
        like: what stood there; half of the results differ from it in one respect.
    """
    shape, kind = random.choice(SHAPES), random.choice(TYPES)
    if like is None or random.random() < 0.5:
        return _cast(_filled(np.zeros(shape), random), kind)
    change = random.randrange(5)
    if change == 0:
        return _cast(like, kind)
    if change == 1:
        return _filled(like, random)
    if change == 2:
        return like[None]
    if change == 3:
        return like.reshape(-1)
    return like[: len(like) // 2] if like.ndim else like[None]


def _filled(values: np.ndarray, random: Random) -> np.ndarray:
    """With one element, or all of them, changed; what a type cannot hold wraps or becomes 0."""
    out = np.array(values, dtype=np.float64 if values.dtype.kind in "biuf" else np.complex128)
    fill = random.choice(FILLS)
    if random.random() < 0.5 or out.size == 0:
        out[...] = fill
    else:
        out.reshape(-1)[random.randrange(out.size)] = fill
    return _cast(out, values.dtype)


def _cast(values: np.ndarray, kind: str | np.dtype) -> np.ndarray:
    """As C casts, without a warning."""
    with np.errstate(all="ignore"):
        real = values.real if values.dtype.kind == "c" and np.dtype(kind).kind != "c" else values
        return real.astype(kind)
