"""Node types of programs: standard nodes for threshold units, own nodes for the other models.

A threshold unit is a LIF whose tau equals the timestep, so v = I and nothing is remembered. NIR
stores no timestep, and the tools that read NIR use 1e-4 s by default. Most of them need the same
v_threshold for all neurons. Differences between neurons therefore go into the bias of a weight
node:

    I + bias > threshold  ⇔  I + B > c − 1/2  with  B = bias − threshold + c − 1,  c = 1.

Neurons with memory follow PROGRAM.md's integer arithmetic, which no standard node has. They become
own nodes. Other tools refuse these, and do not run something else instead. Importing this module
registers them with `nir`. Source: Pedersen et al., "Neuromorphic intermediate representation",
Nature Communications 15, 8122 (2024), for the standard primitives.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import nir
import numpy as np

from ultralif_deploy.exporters.nir import second_order
from ultralif_deploy.exporters.nir.maps import WEIGHTS
from ultralif_deploy.program import neurons
from ultralif_deploy.program.fixed import DECAY_BITS, FRACTION_BITS, MEMBRANE_BITS
from ultralif_deploy.program.neurons import NeuronModel

TIME_STEP = 1e-4
"""Seconds; a LIF with this tau forgets everything from one timestep to the next."""

V_THRESHOLD = 0.5
"""c − 1/2 with c = 1: halfway between two integers, so a tool may compare with > or >=."""


class _Leaky:
    """Dictionary of a leaky node, without fields that have the value of older files."""

    # A field is written only if it has another value. An older reader then refuses the node.
    OPTIONAL: ClassVar[dict[str, Any]] = {"decay_bits": DECAY_BITS}

    def to_dict(self) -> dict[str, Any]:
        """As NIR's own nodes."""
        written: dict[str, Any] = super().to_dict()  # type: ignore[misc]
        for field, usual in self.OPTIONAL.items():
            if np.array_equal(written[field], usual):
                del written[field]
        return written


class _Firing(_Leaky):
    """A leaky node that spikes, with the width of its membrane potential and its most spikes."""

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
class MultiThreshold(nir.NIRNode):
    """`program.MultiThreshold` with its bias; int32 [neuron], thresholds int32 [level, neuron]."""

    thresholds: np.ndarray
    bias: np.ndarray
    levels: int

    def __post_init__(self) -> None:
        _set_types(self)


@dataclass(eq=False)
class GradedLogMaxLIF(nir.NIRNode):
    """`program.GradedLogMaxLIF` with its bias; int32, thresholds [level, neuron], reset [level]."""

    thresholds: np.ndarray
    decay: np.ndarray
    bias: np.ndarray
    table: np.ndarray
    reset: np.ndarray
    shift: int
    levels: int

    def __post_init__(self) -> None:
        _set_types(self)


@dataclass(eq=False)
class GradedLIF(_Leaky, nir.NIRNode):
    """`program.GradedLIF` with its bias; int32, thresholds [level, neuron], reset [level]."""

    thresholds: np.ndarray
    decay: np.ndarray
    bias: np.ndarray
    reset: np.ndarray
    levels: int
    decay_bits: int = DECAY_BITS

    def __post_init__(self) -> None:
        _set_types(self)


@dataclass(eq=False)
class GradedUltraDLIF(_Leaky, nir.NIRNode):
    """`program.GradedUltraDLIF` with its bias; int32, thresholds [level, neuron], reset [level]."""

    thresholds: np.ndarray
    decay: np.ndarray
    bias: np.ndarray
    reset: np.ndarray
    levels: int
    form: str
    stride: int = 1
    decay_bits: int = DECAY_BITS

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


NODES: dict[type[NeuronModel], type] = {
    neurons.TropicalLIF: TropicalLIF,
    neurons.LIF: FixedPointLIF,
    neurons.UltraDLIF: UltraDLIF,
    neurons.CubaLIF: FixedPointCubaLIF,
    neurons.LeakyIntegrator: FixedPointLI,
    neurons.CubaLI: FixedPointCubaLI,
    neurons.LogMaxLIF: LogMaxLIF,
    neurons.MultiThreshold: MultiThreshold,
    neurons.GradedLogMaxLIF: GradedLogMaxLIF,
    neurons.GradedLIF: GradedLIF,
    neurons.GradedUltraDLIF: GradedUltraDLIF,
    neurons.SiLIF: second_order.SiLIF,
    neurons.CSiLIF: second_order.CSiLIF,
    neurons.AdaLIF: second_order.AdaLIF,
    neurons.LeakySum: second_order.LeakySum,
}
"""Node of each model with memory; its fields are those of the model, and `bias`."""

CUSTOM = tuple(NODES.values())
"""Own nodes."""

READOUTS = tuple(node for model, node in NODES.items() if not model.FIRES)
"""Nodes that do not spike."""

for _node in CUSTOM:
    if _node.__name__ not in nir.ir.__all_ir:
        nir.ir.__all_ir.append(_node.__name__)
        setattr(nir.ir, _node.__name__, _node)

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
"""Parameters of a neuron without memory, besides its threshold; float64, as tools divide by tau."""

FLAVOURS: dict[str, type] = {"lif": nir.LIF, "cubalif": nir.CubaLIF, "threshold": nir.Threshold}
"""Node types that a Threshold population can be written as, by name."""
