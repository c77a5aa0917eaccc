"""Calls of torch functions: which functions there are, and what a call was given and gave."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ultralif_deploy.readers.modules.meanings import Meaning

KEEPING = frozenset(
    (
        *("detach", "detach_", "clone", "contiguous", "float", "double", "to", "type"),
        *("type_as", "requires_grad_", "dropout", "dropout1d", "dropout2d", "dropout3d"),
        *("alpha_dropout", "feature_dropout"),
    )
)
"""Functions that change no value. Dropouts belong here because they are off in evaluation."""

SHAPING = frozenset(
    (
        *("view", "reshape", "flatten", "squeeze", "unsqueeze", "unflatten", "view_as"),
        *("reshape_as",),
    )
)
"""Functions that change the shape and keep all values in their order."""

MOVING = SHAPING | frozenset(
    (
        *("permute", "transpose", "swapaxes", "movedim", "moveaxis", "__getitem__"),
        *("select", "narrow", "unbind", "split", "chunk", "T"),
    )
)
"""Functions that select values or move them to other places."""

CONSTANT = frozenset(
    (*("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"),)
)
"""Functions that make a constant, and take only shape and type from the tensor given."""

ADDING = frozenset(["add", "__add__", "__radd__", "add_", "__iadd__"])
SUBTRACTING = frozenset(["sub", "__sub__", "sub_", "__isub__", "subtract"])
MULTIPLYING = frozenset(["mul", "__mul__", "__rmul__", "mul_", "__imul__", "multiply"])
DIVIDING = frozenset(["div", "__truediv__", "true_divide", "div_", "__itruediv__", "divide"])
JOINING = frozenset(["cat", "concat", "concatenate"])


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of a function of torch.

    Attributes:
        func, name: the function and its name.
        args, kwargs: its arguments by position and by name.
        result: result of the call.
        known: meaning, before the call, of each argument that depends on the input, by `id`.
            It has at least one entry.
    """

    func: Any
    name: str
    args: Any
    kwargs: Any
    result: Any
    known: dict[int, Meaning]

    def meaning(self, value: Any) -> Meaning | None:
        """What an argument meant before the call; None for a constant."""
        return self.known.get(id(value))

    def first(self, kind: type) -> Any:
        """The first meaning of the given kind among the arguments; None if there is none."""
        return next((m for m in self.known.values() if isinstance(m, kind)), None)

    def option(self, name: str, place: int, default: Any) -> Any:
        """The value of an argument, given by name or by position.

        Args:
            name: its name.
            place: its place among the arguments by position, from 0.
            default: the value if the call does not give the argument.
        """
        return self.kwargs.get(name, self.args[place] if len(self.args) > place else default)


def flat(value: Any) -> Iterator[Any]:
    """The values in lists, tuples and dictionaries of any depth."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from flat(one)
    else:
        yield value
