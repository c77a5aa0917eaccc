"""Threshold units with several thresholds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import MAX_LEVELS
from ultralif_deploy.program.neurons.model import NeuronModel


class GradedModel(NeuronModel):
    """Sends how many of its `levels` thresholds it passes, 0 to `levels`."""

    __slots__ = ()
    thresholds: np.ndarray
    levels: int

    @property
    def largest_sent(self) -> int:
        return self.levels

    def length(self, parameter: str, size: int) -> int:
        if parameter == "thresholds":
            return self.levels * size
        return super().length(parameter, size)

    def check(self, name: str, size: int) -> None:
        if not 1 <= self.levels <= MAX_LEVELS:
            raise UltralifError(f"{name}: {self.levels} levels; expected 1 to {MAX_LEVELS}")


@dataclass(frozen=True, slots=True, eq=False)
class MultiThreshold(GradedModel):
    """No memory: sends the number of thresholds that I exceeds.

    A soft spike σ((v − θ)/ε) grows with v, so rounding it to `levels` steps gives such a count.

    Attributes:
        thresholds: int32 [levels · neuron], the first of all neurons, then the second, and so on.
        levels: thresholds of one neuron, 1 to 15.
    """

    REMEMBERS: ClassVar[bool] = False
    COUNTS_CURRENTS: ClassVar[bool] = True
    LISTS: ClassVar[frozenset[str]] = frozenset({"thresholds"})

    thresholds: np.ndarray
    levels: int
