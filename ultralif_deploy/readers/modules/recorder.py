"""Records what the `forward` of a torch module computes while it runs.

A recorder follows real tensors. Every tensor that depends on the input has a meaning
(`meanings.py`). For layers that the reader knows, called leaves, the reader says what their results
mean. For every other function of torch, `functions.py` and `linear.py` do.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.readers.modules.calls import KEEPING, Call, flat
from ultralif_deploy.readers.modules.functions import meanings_of
from ultralif_deploy.readers.modules.meanings import Meaning, Unknown
from ultralif_deploy.readers.nir.linear import Signal

Leaf = Callable[["Recorder", str, nn.Module, tuple[Any, ...], Any], None]
"""Gives the result of a leaf its meaning, from recorder, name, layer, arguments and result."""

VALUES = frozenset(
    (
        *("item", "tolist", "numpy", "__array__", "__bool__", "__float__", "__int__"),
        *("__index__", "__contains__", "equal", "allclose", "is_nonzero"),
    )
)
"""Functions that return plain values, which the recorder cannot follow."""

CHANGED_IN_PLACE = "a value is changed in place; expected a new one, as y = x + 1"


class Float64(TorchFunctionMode):
    """Turns every float32 result of a torch function into float64."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function, and return its result in float64."""
        result = func(*args, **(kwargs or {}))
        return _in_float64(_name(func), args, result)


class Recorder(Float64):
    """Follows tensors, in float64, through functions of torch and through the leaves of a module.

    Args:
        module: the module; its leaves are followed.
        leaf_of: function that gives a leaf's results their meaning, for each leaf. None for other
            layers: the functions that they call are followed instead.

    Attributes:
        signals: number of signals found so far.
        refusal: the first refusal, kept here because `forward` could catch the exception.
    """

    def __init__(self, module: nn.Module, leaf_of: Callable[[nn.Module], Leaf | None]) -> None:
        super().__init__()
        self.signals = 0
        self.refusal: UltralifError | None = None
        self._meanings: dict[int, tuple[Tensor, int, Meaning]] = {}
        self._depth = 0
        self._hooks: list[Any] = []
        for name, layer in module.named_modules():
            leaf = leaf_of(layer)
            if leaf is not None:
                self._hooks += self._hooked(name or "layer", layer, leaf)

    def close(self) -> None:
        """Remove the hooks from the module."""
        for handle in self._hooks:
            handle.remove()

    def mean(self, tensor: Any, meaning: Meaning) -> None:
        """Give a tensor its meaning. The tensor is kept, so that no other can get the same `id`."""
        if isinstance(tensor, Tensor):
            self.signals += isinstance(meaning, Signal)
            self._meanings[id(tensor)] = (tensor, tensor._version, meaning)

    def meaning(self, value: Any) -> Meaning | None:
        """The meaning of a value; None for a constant."""
        found = self._meanings.get(id(value)) if isinstance(value, Tensor) else None
        if found is None:
            return None
        tensor, version, meaning = found  # views of one memory share their version
        return meaning if tensor._version == version else Unknown(CHANGED_IN_PLACE)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function, and give its results their meanings.

        Raises:
            UltralifError: the function turns a tensor that depends on the input into plain numbers.
        """
        kwargs = kwargs or {}
        known = {}
        if self._depth == 0:
            known = {id(v): m for v in flat((args, kwargs)) if (m := self.meaning(v)) is not None}
        name = _name(func)
        if known and name in VALUES:
            raise self._refused(
                f"forward takes values out of tensors by {name}(), and may decide by them; "
                "expected the same functions whatever the values are"
            )
        before = _before(name, args, known) if known else args
        result = super().__torch_function__(func, types, args, kwargs)
        if known:
            for tensor, meaning in meanings_of(Call(func, name, before, kwargs, result, known)):
                self.mean(tensor, meaning)
        return result

    def _refused(self, why: str) -> UltralifError:
        error = UltralifError(why)
        self.refusal = self.refusal or error
        return error

    def _hooked(self, name: str, layer: nn.Module, leaf: Leaf) -> list[Any]:
        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            """Note that a call of the layer begins.

            Args:
                module: the layer.
                args: arguments by position.
                kwargs: arguments by name.
            """
            self._depth += 1

        def leave(module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            """Give the layer's result its meaning, unless another leaf made the call.

            Args:
                module: the layer.
                args: arguments by position.
                kwargs: arguments by name.
                result: values that the layer returned.
            """
            self._depth -= 1
            if self._depth == 0:
                try:
                    leaf(self, name, layer, arguments(layer, args, kwargs), result)
                except UltralifError as error:
                    raise self._refused(str(error)) from error

        return [
            layer.register_forward_pre_hook(enter, with_kwargs=True),
            layer.register_forward_hook(leave, with_kwargs=True),
        ]


def arguments(layer: nn.Module, args: Any, kwargs: Any) -> tuple[Any, ...]:
    """All arguments of a layer's call in the order of its `forward`.

    Args:
        layer: the layer that was called.
        args: arguments by position.
        kwargs: arguments by name.
    """
    bound = inspect.signature(layer.forward).bind(*args, **kwargs)
    bound.apply_defaults()
    return (*bound.args, *bound.kwargs.values())


@functools.lru_cache(maxsize=4096)
def _name(func: Any) -> str:
    """The name of a function; for a function that reads an attribute, the attribute's name.

    It is kept, because torch takes longer to find it than to run most of the functions.
    """
    parts = (resolve_name(func) or getattr(func, "__name__", str(func))).split(".")
    return parts[-2] if parts[-1] == "__get__" and len(parts) > 1 else parts[-1]


def _before(name: str, args: Any, known: dict[int, Meaning]) -> Any:
    """The arguments, with a copy of a constant that the function is about to change in place."""
    in_place = name.startswith("__i") or (name.endswith("_") and not name.startswith("__"))
    if in_place and isinstance(args[0], Tensor) and id(args[0]) not in known:
        return (args[0].clone(), *args[1:])
    return args


def _in_float64(name: str, args: Any, result: Any) -> Any:
    """A result in float64; a mere conversion to float32 returns the float64 tensor it was given."""
    if isinstance(result, Tensor) and result.dtype == torch.float32:
        given = args[0] if args else None
        unchanged = isinstance(given, Tensor) and given.dtype == torch.float64
        return given if unchanged and name in KEEPING else result.double()
    return result
