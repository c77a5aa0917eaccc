"""Own NIR nodes for the models with two state words. They hold the integers of PROGRAM.md.

No standard node has two coupled states. Other tools refuse these nodes, and do not run something
else instead. `nodes.py` registers them with `nir`.
"""

from dataclasses import dataclass

import nir
import numpy as np


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
