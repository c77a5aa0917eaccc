"""The vector operations of the compiled loop over whole programs, in plain Python.

Bugs of the loop are planted in copies that run on these, because each compilation takes seconds.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ultralif_deploy.simulators.fast.spike_rows import LINE_WORDS, untiled


def move(source: Any, start: int, target: Any, at: int, count: int) -> None:
    target[at : at + count] = source[start : start + count]


def take(counter: Any, count: int) -> int:
    before = int(counter[0])
    counter[0] += count
    return before


def sum_tile(
    weight: Any, line: int, events: Any, start: int, stop: int, current: Any, at: int
) -> None:
    lines = weight.reshape(-1, LINE_WORDS)[line + events[start:stop].astype(np.int64)]
    tile = untiled(lines[None], 2 * LINE_WORDS) if len(lines) else np.zeros((2 * LINE_WORDS, 0))
    current[at : at + 2 * LINE_WORDS] = tile.sum(axis=1, dtype=np.int64)  # over events


def fire_row(
    current: Any, place: int, limit: Any, at: int, spikes: Any, out: int, count: int
) -> None:
    fired = current[place : place + count] > limit[at : at + count]
    spikes[out : out + count] = fired


OPERATIONS: dict[str, Callable[..., Any]] = {
    "move": move,
    "sum_tile": sum_tile,
    "fire_row": fire_row,
}
"""What the kernel calls, by name; `take` goes to the modules that call it."""
