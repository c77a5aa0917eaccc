"""Populations as NIR nodes and back: standard nodes for threshold units, our own for the rest.

A threshold unit is a LIF whose tau equals the time step: v = I, no memory. NIR names no time step,
and the tools that read NIR default to 1e-4 s. Most of them want one v_threshold for all neurons, so
all that differs between neurons goes into the bias of a weight node:

    I + bias > threshold  ⇔  I + B > c − 1/2  with  B = bias − threshold + c − 1,  c = 1.

Neurons with memory follow PROGRAM.md's integer arithmetic, which no standard node has. They are
nodes of our own, which other tools refuse instead of running something else. Importing this module
registers them with `nir`. Source: Pedersen et al., "Neuromorphic intermediate representation",
Nature Communications 15, 8122 (2024), for the standard primitives.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.maps import WEIGHTS
from ultralif_deploy.exporters.nir.second_order import (
    SECOND_ORDER_NODES,
    LeakySum,
    read_second_order,
    write_second_order,
)
from ultralif_deploy.exporters.nir.values import numbers, whole, whole_float
from ultralif_deploy.program import neurons
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.fixed import DECAY_BITS, FRACTION_BITS, MEMBRANE_BITS
from ultralif_deploy.program.resets import RESETS

TIME_STEP = 1e-4
"""Seconds; a LIF with this tau forgets everything from one timestep to the next."""

V_THRESHOLD = 0.5
"""c − 1/2 with c = 1: halfway between two integers, so that > and >= are the same to a tool."""


class _Leaky:
    """A leaky node's dictionary: what all nodes once had is not written down."""

    # A reader that knows nothing else meets a field that it does not know, and refuses.
    OPTIONAL: ClassVar[dict[str, Any]] = {"decay_bits": DECAY_BITS}

    def to_dict(self) -> dict[str, Any]:
        """As NIR's own nodes."""
        written: dict[str, Any] = super().to_dict()  # type: ignore[misc]
        for field, usual in self.OPTIONAL.items():
            if np.array_equal(written[field], usual):
                del written[field]
        return written


class _Firing(_Leaky):
    """A leaky node that spikes: the width of its membrane, and how often it fires."""

    OPTIONAL: ClassVar[dict[str, Any]] = _Leaky.OPTIONAL | {
        "membrane_bits": MEMBRANE_BITS,
        "fraction_bits": FRACTION_BITS,
        "most_spikes": 1,
        "floor": None,
    }


@dataclass(eq=False)
class TropicalLIF(nir.NIRNode):
    """`program.TropicalLIF` with its bias; int32 [neuron] each."""

    threshold: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    initial: np.ndarray
    bias: np.ndarray

    def __post_init__(self) -> None:
        _set_types(self)


@dataclass(eq=False)
class FixedPointLIF(_Firing, nir.NIRNode):
    """`program.LIF` with its bias; int32 [neuron] each. reset_mode: a key of `RESETS`."""

    threshold: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    bias: np.ndarray
    reset_mode: str
    decay_bits: int = DECAY_BITS
    membrane_bits: int = MEMBRANE_BITS
    fraction_bits: int = FRACTION_BITS
    most_spikes: int = 1
    floor: np.ndarray | None = None

    def __post_init__(self) -> None:
        _set_types(self)


@dataclass(eq=False)
class UltraDLIF(_Leaky, nir.NIRNode):
    """`program.UltraDLIF` with its bias; int32 [neuron] each. form: `released` or `paper`."""

    threshold: np.ndarray
    decay: np.ndarray
    bias: np.ndarray
    form: str
    stride: int = 1
    decay_bits: int = DECAY_BITS

    def __post_init__(self) -> None:
        _set_types(self)


@dataclass(eq=False)
class LogMaxLIF(nir.NIRNode):
    """`program.LogMaxLIF` with its bias; int32 [neuron] each, table int32 [entry]."""

    threshold: np.ndarray
    decay: np.ndarray
    bias: np.ndarray
    table: np.ndarray
    shift: int

    def __post_init__(self) -> None:
        _set_types(self)


@dataclass(eq=False)
class FixedPointCubaLIF(_Firing, nir.NIRNode):
    """`program.CubaLIF` with its bias; int32 [neuron] each. reset_mode: a key of `RESETS`."""

    threshold: np.ndarray
    decay: np.ndarray
    synaptic_decay: np.ndarray
    reset: np.ndarray
    bias: np.ndarray
    reset_mode: str
    decay_bits: int = DECAY_BITS
    membrane_bits: int = MEMBRANE_BITS
    fraction_bits: int = FRACTION_BITS
    most_spikes: int = 1
    floor: np.ndarray | None = None

    def __post_init__(self) -> None:
        _set_types(self)


@dataclass(eq=False)
class FixedPointLI(_Leaky, nir.NIRNode):
    """`program.LeakyIntegrator` with its bias; int32 [neuron] each."""

    decay: np.ndarray
    bias: np.ndarray
    decay_bits: int = DECAY_BITS

    def __post_init__(self) -> None:
        _set_types(self)


@dataclass(eq=False)
class FixedPointCubaLI(_Leaky, nir.NIRNode):
    """`program.CubaLI` with its bias; int32 [neuron] each."""

    decay: np.ndarray
    synaptic_decay: np.ndarray
    bias: np.ndarray
    decay_bits: int = DECAY_BITS

    def __post_init__(self) -> None:
        _set_types(self)


def _set_types(node: Any) -> None:
    shape = np.array(np.shape(node.bias))
    node.input_type, node.output_type = {"input": shape}, {"output": shape}


READOUTS = (FixedPointLI, FixedPointCubaLI, LeakySum)
"""Nodes that do not spike."""

CUSTOM: tuple[type, ...] = (
    TropicalLIF,
    FixedPointLIF,
    UltraDLIF,
    FixedPointCubaLIF,
    FixedPointLI,
    FixedPointCubaLI,
    LogMaxLIF,
)

for _node in CUSTOM:
    if _node.__name__ not in nir.ir.__all_ir:
        nir.ir.__all_ir.append(_node.__name__)
        setattr(nir.ir, _node.__name__, _node)

CUSTOM += SECOND_ORDER_NODES

NODES: dict[type, type] = {
    neurons.TropicalLIF: TropicalLIF,
    neurons.LIF: FixedPointLIF,
    neurons.UltraDLIF: UltraDLIF,
    neurons.CubaLIF: FixedPointCubaLIF,
    neurons.LeakyIntegrator: FixedPointLI,
    neurons.CubaLI: FixedPointCubaLI,
    neurons.LogMaxLIF: LogMaxLIF,
}
"""The node of each model with memory; its fields are the model's and `bias`."""

NEURONS = (nir.LIF, nir.CubaLIF, nir.Threshold, *CUSTOM)

NODE_TYPES = tuple(t.__name__ for t in (nir.Input, nir.Output, nir.Flatten, *WEIGHTS, *NEURONS))
"""Every node type that a program's file may hold."""

CONSTANTS: dict[type, dict[str, float]] = {
    nir.LIF: {"tau": TIME_STEP, "r": 1.0, "v_leak": 0.0, "v_reset": 0.0},
    nir.CubaLIF: {
        "tau_mem": TIME_STEP,
        "tau_syn": TIME_STEP,
        "w_in": 1.0,
        "r": 1.0,
        "v_leak": 0.0,
        "v_reset": 0.0,
    },
}
"""What a neuron without memory has, besides its threshold. float64: some tools divide by tau."""

FLAVOURS: dict[str, type] = {"lif": nir.LIF, "cubalif": nir.CubaLIF, "threshold": nir.Threshold}
"""Node types that a Threshold population can be written as, by name."""


def write_neurons(
    population: integer.Population, flavour: str, shape: tuple[int, ...], *, by_channel: bool
) -> tuple[nir.NIRNode, np.ndarray]:
    """A population as a node, and the bias float64 [neuron] for a weight node before it.

    Args:
        population: any but an Integrator.
        flavour: a key of `FLAVOURS`.
        shape: of the node's parameters, (neurons,) or (channels, height, width).
        by_channel: the weight node holds one bias for a channel.
    """
    if isinstance(population.neuron, neurons.SECOND_ORDER):
        return write_second_order(population, shape), np.zeros(population.size)
    neuron, bias = population.neuron, population.bias
    metadata = {"scale": population.scale}
    if isinstance(neuron, neurons.Threshold):
        kind, none = FLAVOURS[flavour], np.zeros(population.size)
        if kind is nir.Threshold and (not by_channel or _alike(bias, shape)):
            threshold = (neuron.threshold + none).reshape(shape)
            return nir.Threshold(threshold, metadata=metadata), bias + none
        # Only threshold − bias is executed; NIR cannot say how it splits.
        if bias.any():
            metadata["bias"] = bias
        folded = none + bias - neuron.threshold
        if by_channel and not _alike(folded, shape):  # the node's own thresholds hold it
            limits, folded = V_THRESHOLD - folded.reshape(shape), none
        else:
            limits = np.full(shape, V_THRESHOLD)
        if kind is nir.Threshold:
            return nir.Threshold(limits, metadata=metadata), folded
        fields = {name: np.full(shape, value) for name, value in CONSTANTS[kind].items()}
        return kind(v_threshold=limits, metadata=metadata, **fields), folded
    arrays = population.parameters()
    arrays = {k: v if k == "table" else v.reshape(shape) for k, v in arrays.items()}
    arrays["bias"] = bias.reshape(shape)
    kind = neurons.entry_for(NODES, neuron, population.name, "nir")
    node = kind(**arrays, **neuron.structure(), metadata=metadata)
    return node, np.zeros(population.size)


def read_neurons(name: str, node: nir.NIRNode, bias: np.ndarray) -> integer.Population:
    """The population that a node stands for.

    Args:
        name: of the population.
        node: one of `NEURONS`, as read from a file.
        bias: sum of the biases of the weight nodes before it, int64 [neuron].

    Raises:
        UltralifError: parameters of another shape, not whole, or those of a neuron with memory.
    """
    size = len(bias)
    if isinstance(node, CUSTOM):
        if bias.any():
            raise UltralifError(
                f"{name}: a weight node before a {type(node).__name__} has a bias; expected it in "
                "the node itself"
            )
        neuron, bias = _custom_neuron(name, node, size)
    else:
        split = _metadata(node).get("bias")
        if isinstance(node, nir.Threshold):
            limit, split = node.threshold, bias if split is None else split
        else:
            _check_constants(name, node, size)
            limit, split = node.v_threshold, np.zeros(size) if split is None else split
        # fires iff I + B > limit  ⇔  I + bias > threshold
        difference = _largest_silent(name, limit, size) - bias
        bias = whole(split, np.int32, size, f"{name}: metadata bias").astype(np.int64)
        neuron = neurons.Threshold(bias + difference)
    return integer.Population(name, size, neuron, bias, scale_of(name, node, size))


def neuron_count(name: str, node: nir.NIRNode) -> int:
    """Neurons of a node of `NEURONS`, in a vector or an image."""
    if type(node) in CONSTANTS:
        field, found = "v_threshold", node.v_threshold
    else:
        field, found = "threshold", _first(node)
    if len(np.shape(found)) not in (1, 3):
        raise UltralifError(
            f"{name}: {field} of shape {np.shape(found)}; expected one value per neuron"
        )
    return math.prod(np.shape(found))


def _alike(values: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether values [neuron] are constant in every channel of a shape."""
    by_channel = values.reshape(shape[0], -1)
    return bool(np.all(by_channel == by_channel[:, :1]))


def _flat(value: Any, size: int) -> Any:
    """An image's values as a vector; anything else as it is, for the checks to judge."""
    image = np.ndim(value) == 3 and np.size(value) == size
    return np.reshape(value, size) if image else value


def _first(node: Any) -> Any:
    """What tells the number of neurons."""
    if isinstance(node, (FixedPointLI, FixedPointCubaLI)):
        return node.decay
    return node.alpha if isinstance(node, LeakySum) else node.threshold


def scale_of(name: str, node: nir.NIRNode, size: int) -> np.ndarray:
    """The scale float64 [neuron] that a node carries.

    Args:
        name: of the population, for errors.
        node: as read from a file.
        size: neurons of the population.
    """
    metadata = _metadata(node)
    if "scale" not in metadata:
        raise UltralifError(f"{name}: no scale in the node's metadata; expected {size} values")
    return numbers(metadata["scale"], size, f"{name}: scale")


def _metadata(node: nir.NIRNode) -> Mapping[str, Any]:
    return node.metadata if isinstance(node.metadata, dict) else {}


def _largest_silent(name: str, threshold: Any, size: int) -> np.ndarray:
    """Largest integer int64 [neuron] that does not fire: an integer x > t iff x > floor(t)."""
    floor = np.floor(numbers(_flat(threshold, size), size, f"{name}: threshold"))
    return whole_float(floor, size, f"{name}: threshold")


def _check_constants(name: str, node: nir.NIRNode, size: int) -> None:
    for field, expected in CONSTANTS[type(node)].items():
        found = numbers(_flat(getattr(node, field), size), size, f"{name}: {field}")
        if np.any(found != expected):
            other = found[found != expected][0]
            raise UltralifError(
                f"{name}: {field} = {other:g}; expected {expected:g}, a threshold unit without "
                "memory"
            )


def _custom_neuron(name: str, node: Any, size: int) -> tuple[neurons.Neuron, np.ndarray]:
    def array(field: str) -> np.ndarray:
        return whole(_flat(getattr(node, field), size), np.int32, size, f"{name}: {field}")

    if isinstance(node, SECOND_ORDER_NODES):
        return read_second_order(node, array)

    def text(field: str, expected: str) -> str:
        value = getattr(node, field)
        if not isinstance(value, str):
            raise UltralifError(f"{name}: {field} is no text; expected {expected}")
        return value

    decay, bias = array("decay"), array("bias")
    wide: dict[str, Any] = {}
    for field in getattr(node, "OPTIONAL", {}):
        if field != "floor":
            wide[field] = _number(name, node, field)
        elif node.floor is not None:
            wide["floor"] = array("floor")
    if isinstance(node, FixedPointLI):
        return neurons.LeakyIntegrator(decay, **wide), bias
    if isinstance(node, FixedPointCubaLI):
        return neurons.CubaLI(decay, array("synaptic_decay"), **wide), bias
    threshold = array("threshold")
    if isinstance(node, UltraDLIF):
        stride = _number(name, node, "stride")
        form = text("form", "released or paper")
        return neurons.UltraDLIF(threshold, decay, form, stride, **wide), bias
    if isinstance(node, LogMaxLIF):
        if np.ndim(node.table) != 1:
            raise UltralifError(f"{name}: table of shape {np.shape(node.table)}; expected a list")
        table = whole(node.table, np.int32, len(node.table), f"{name}: table")
        return neurons.LogMaxLIF(threshold, decay, table, _number(name, node, "shift")), bias
    reset = array("reset")
    if isinstance(node, TropicalLIF):
        return neurons.TropicalLIF(threshold, decay, reset, array("initial")), bias
    if isinstance(node, FixedPointLIF):
        mode = text("reset_mode", ", ".join(RESETS))
        return neurons.LIF(threshold, decay, reset, mode, **wide), bias
    synaptic, mode = array("synaptic_decay"), text("reset_mode", ", ".join(RESETS))
    return neurons.CubaLIF(threshold, decay, synaptic, reset, mode, **wide), bias


def _number(name: str, node: Any, field: str) -> int:
    return int(whole(getattr(node, field), np.int32, (), f"{name}: {field}"))
