"""The vector operations of the compiled loop over whole programs, in plain Python.

Bugs of the loop are planted in copies that run on these, because each compilation takes seconds.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from support.planting import PLAIN_PARTS, Change, applies, copy_of
from ultralif_deploy.simulators.fast import calls
from ultralif_deploy.simulators.fast.spike_rows import LINE_WORDS, untiled
from ultralif_deploy.simulators.fast.whole import read_outs
from ultralif_deploy.simulators.native.callbacks import at_address


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


class Update:
    """An update in plain Python, with a number in place of an address."""

    made: ClassVar[list["Update"]] = []

    def __init__(self, function: Callable[..., None]) -> None:
        self.function, self.address = function, len(self.made)
        self.made.append(self)

    def __call__(self, *arguments: Any) -> None:
        self.function(*arguments)


def calling(kinds: tuple[str, ...]) -> Callable[..., None]:
    """What calls an update of such arguments by its address."""

    def call(address: int, *arguments: Any) -> None:
        plain = address < len(Update.made)
        run = Update.made[address] if plain else at_address(int(address), kinds)
        run(*arguments)

    return call


PLAIN_UPDATE = (
    "from ultralif_deploy.simulators.fast.calls import update",
    "from support.planted.vectors import Update as update",
)
PLAIN_READ_OUT = (
    """def read_out(function: Callable[..., None]) -> Callback: ...""",
    """from support.planted.vectors import Update as read_out""",
)
PLAIN_PART = (
    "from ultralif_deploy.simulators.native.compiled import inlined",
    "inlined = lambda f: f",
)


def plain_updates(module: str, *changes: Change) -> ModuleType:
    """A copy of a module of updates, in plain Python.

    Args:
        module: its name in `simulators/fast`.
        changes: bugs.
    """
    name = f"ultralif_deploy.simulators.fast.{module}"
    plain = (PLAIN_UPDATE, PLAIN_READ_OUT, PLAIN_PART, PLAIN_PARTS)
    return copy_of(name, *(change for change in plain if applies(name, change)), *changes)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "move": move,
    "sum_tile": sum_tile,
    "call_update": calling(calls.KINDS),
    "call_read_out": calling(read_outs.KINDS),
}
"""What the kernel calls, by name; `take` goes to the modules that call it."""
