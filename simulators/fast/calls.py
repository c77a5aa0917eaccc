"""How kernels call the update of a neuron model: by the address of a function of its own.

All updates take the same arguments.
"""

from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.extending import intrinsic

from ultralif_deploy.simulators.native.callbacks import Callback, calling

KINDS = ("i8", "i4", "i4", "", "", "i4", "", "", "u1", "", "", "")
"""Arguments of an update as `Callback` takes them; `call_update` describes them."""


def update(function: Callable[..., None]) -> Callback:
    """Make a function with the arguments of `call_update` behind the address an update."""
    return Callback(function, KINDS)


@intrinsic
def call_update(
    typing: Any,
    address: Any,
    one: Any,
    values: Any,
    current: Any,
    outer: Any,
    inner: Any,
    states: Any,
    each: Any,
    first: Any,
    sent: Any,
    begin: Any,
    samples: Any,
    steps: Any,
) -> Any:
    """Run a population over some timesteps of some samples.

    Args:
        typing: Numba's typing context.
        address: of the update.
        one: int64 [SOURCE_FIELDS], the population's row of `Tables.sources`.
        values: int32, one axis; the population's parameters (`models.Lanes.laid`) begin at
            one[VALUES].
        current: int32; that of neuron n of sample s at timestep t is
            current[s·outer + t·inner + n]. An update may overwrite it.
        outer: see there.
        inner: see there.
        states: int32; word k of neuron n of sample s is
            states[(first + s)·each + one[STATE] + k·one[WIDTH] + n], changed in place.
        each: see there.
        first: see there.
        sent: uint8; sent[begin + s·outer + t·inner + n] is overwritten with the spikes.
        begin: see there.
        samples: number of samples.
        steps: number of timesteps.
    """
    del typing
    n = types.int64
    kinds = (n, one, values, current, n, n, states, n, n, sent, n, n, n)
    return types.void(*kinds), calling(KINDS)
