"""Base class of models that send the number of thresholds that they pass."""

from typing import ClassVar

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import DECAY_ONE, MAX_LEVELS, MEMBRANE_BITS
from ultralif_deploy.program.neurons.model import LeakyModel, NeuronModel


class GradedModel(NeuronModel):
    """Sends how many of its `levels` thresholds it passes, 0 to `levels`."""

    __slots__ = ()
    thresholds: np.ndarray
    levels: int

    @property
    def largest_sent(self) -> int:
        return self.levels

    def length(self, parameter: str, size: int) -> int:
        lengths = {"thresholds": self.levels * size, "reset": self.levels}
        return lengths.get(parameter, super().length(parameter, size))

    def check(self, name: str, size: int) -> None:
        super().check(name, size)
        if not 1 <= self.levels <= MAX_LEVELS:
            raise UltralifError(f"{name}: {self.levels} levels; expected 1 to {MAX_LEVELS}")


class GradedLeakyModel(GradedModel, LeakyModel):
    """A leaky membrane from which each level takes its share."""

    __slots__ = ()
    LISTS: ClassVar[frozenset[str]] = frozenset({"thresholds", "reset"})
    reset: np.ndarray

    @property
    def word_bits(self) -> int:
        return MEMBRANE_BITS

    def check(self, name: str, size: int) -> None:
        super().check(name, size)
        check_shares(name, self.reset)


def check_shares(name: str, reset: np.ndarray) -> None:
    """Refuse shares of the membrane outside the range of PROGRAM.md.

    Args:
        name: name of the population.
        reset: what 1, 2, … levels take from the membrane, int32 [levels], in units of 2^-12.

    Raises:
        UltralifError: naming the population.
    """
    if reset.min() < 0 or reset.max() > DECAY_ONE:
        raise UltralifError(
            f"{name}: reset from {reset.min()} to {reset.max()}; expected 0 to {DECAY_ONE}, which "
            "takes the whole membrane"
        )
