"""Threshold units with several thresholds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.neurons.graded.model import GradedModel
from ultralif_deploy.program.neurons.model import NeuronModel
from ultralif_deploy.program.neurons.threshold import Threshold


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

    def one_bit(self) -> NeuronModel | None:
        return Threshold(self.thresholds)
