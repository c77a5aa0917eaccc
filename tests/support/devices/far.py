"""A second device on any machine: torch treats its tensors as lying elsewhere.

A `Far` tensor says that it lies on `FAR`, and holds its values on the CPU. Every operation of torch
on it computes there, so results are those of the CPU to the bit. Where a tensor of the CPU meets a
far one, the operation is refused as on a GPU; single values and copies between devices are allowed.
A far tensor has no `numpy()`, and cannot be saved.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode  # torch has no public names for these
from torch.utils._pytree import tree_leaves, tree_map

from ultralif_deploy.soft import compute
from ultralif_deploy.verify import measuring

FAR = torch.device("meta")
"""The only device beside the CPU whose tensors every build of torch lets autograd handle."""


class Far(Tensor):
    """A tensor that pretends to lie on `FAR`.

    Args:
        held: its values, on the CPU.
    """

    held: Tensor
    computed: ClassVar[Counter[str]] = Counter()
    """How often each operation ran on far tensors."""

    @staticmethod
    def __new__(cls, held: Tensor) -> "Far":
        make: Any = Tensor._make_wrapper_subclass  # type: ignore[attr-defined]
        made: Far = make(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=FAR,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        named = dict(kwargs or {})
        copies = func is torch.ops.aten.copy_.default

        def near(value: Any) -> Any:
            if isinstance(value, Far):
                return value.held
            if isinstance(value, Tensor) and value.dim() > 0 and not copies:
                raise RuntimeError(f"{func}: a tensor of the CPU meets one of another device")
            return value

        asked = named.get("device")
        if asked is not None:
            named["device"] = torch.device("cpu")
        cls.computed[str(func)] += 1
        out = func(*tree_map(near, args), **tree_map(near, named))
        if func._schema.is_mutable and isinstance(out, Tensor):
            return args[0]
        if asked is not None and torch.device(asked).type == "cpu":
            return out
        return tree_map(lambda one: Far(one) if isinstance(one, Tensor) else one, out)


class _Factories(TorchDispatchMode):
    """Tensors that are made on `FAR`, or moved there from the CPU, are far ones."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        named = dict(kwargs or {})
        far = any(isinstance(one, Far) for one in tree_leaves((args, named)))
        if far or named.get("device") != FAR:
            return func(*args, **named)
        return Far(func(*args, **{**named, "device": torch.device("cpu")}).clone())


@contextmanager
def far_device(name: str) -> Iterator[None]:
    """Tensors and modules can be moved to `FAR`, which settings have under a name.

    A mode of torch holds for one thread, so samples are measured by this one.

    Args:
        name: name of the device in settings, for example `cuda`.
    """
    swapped = torch.__future__.get_swap_module_params_on_conversion()
    with pytest.MonkeyPatch.context() as patch, _Factories(), warnings.catch_warnings():
        # torch takes far parameters for parameters without values, which copies do not change.
        warnings.filterwarnings("ignore", "for .*: copying from a non-meta parameter")
        patch.setattr(measuring, "in_order", map)
        found = compute.compute_device
        patch.setattr(compute, "compute_device", lambda n: FAR if n == name else found(n))
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            yield
        finally:
            torch.__future__.set_swap_module_params_on_conversion(swapped)
