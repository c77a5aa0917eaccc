"""NIR nodes of our own for the models with two state words: their integers, as in PROGRAM.md.

No standard node has two coupled states, so other tools refuse these instead of running something
else. Importing this module registers them with `nir`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import nir
import numpy as np

from ultralif_deploy.program import neurons
from ultralif_deploy.program import program as integer


class _Node(nir.NIRNode):
    """Sets the types from the bias, which every node has."""

    bias: np.ndarray

    def __post_init__(self) -> None:
        shape = np.array(np.shape(self.bias))
        self.input_type, self.output_type = {"input": shape}, {"output": shape}


@dataclass(eq=False)
class SiLIF(_Node):
    """`program.SiLIF` with its bias; int32 [neuron] each."""

    threshold: np.ndarray
    reset: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    a: np.ndarray
    b: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray
    bias: np.ndarray


@dataclass(eq=False)
class CSiLIF(_Node):
    """`program.CSiLIF` with its bias; int32 [neuron] each."""

    threshold: np.ndarray
    reset: np.ndarray
    real: np.ndarray
    imaginary: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray
    bias: np.ndarray


@dataclass(eq=False)
class AdaLIF(_Node):
    """`program.AdaLIF` with its bias; int32 [neuron] each."""

    threshold: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    jump: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray
    bias: np.ndarray


@dataclass(eq=False)
class LeakySum(_Node):
    """`program.LeakySum` with its bias, before the Output; int32 [neuron] each."""

    alpha: np.ndarray
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray
    bias: np.ndarray


MODELS: dict[type, type] = {
    SiLIF: neurons.SiLIF,
    CSiLIF: neurons.CSiLIF,
    AdaLIF: neurons.AdaLIF,
    LeakySum: neurons.LeakySum,
}
"""Integer model by node type."""

SECOND_ORDER_NODES = tuple(MODELS)

for _node in SECOND_ORDER_NODES:
    if _node.__name__ not in nir.ir.__all_ir:
        nir.ir.__all_ir.append(_node.__name__)
        setattr(nir.ir, _node.__name__, _node)


def write_second_order(population: integer.Population, shape: tuple[int, ...]) -> nir.NIRNode:
    """The node of a population, its parameters in the given shape."""
    (kind,) = (node for node, model in MODELS.items() if model is type(population.neuron))
    metadata = {"scale": population.scale}
    arrays = population.parameters() | {"bias": population.bias}
    return kind(**{k: v.reshape(shape) for k, v in arrays.items()}, metadata=metadata)


def read_second_order(
    node: nir.NIRNode, array: Callable[[str], np.ndarray]
) -> tuple[Any, np.ndarray]:
    """The integer model and bias of a node.

    Args:
        node: one of `SECOND_ORDER_NODES`.
        array: gives a field as int32 [neuron], or an error.
    """
    model = MODELS[type(node)]
    return model(**{f.name: array(f.name) for f in fields(model)}), array("bias")
