"""Base classes of the neuron models of a program."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import (
    DECAY_BITS,
    FRACTION_BITS,
    MAX_COEFFICIENT_BITS,
    MAX_DECAY_BITS,
    MAX_FRACTION_BITS,
    MAX_MEMBRANE_BITS,
    MAX_SHIFT,
    MAX_SPIKES,
    MAX_STATE_BITS,
    MEMBRANE_BITS,
    largest_held,
)
from ultralif_deploy.program.resets import RESETS

PLAIN = (str, int)
"""Types of the fields that hold for the whole population."""


@dataclass(frozen=True, slots=True)
class Widths:
    """Word lengths of leaky models; other models have those of Loihi's registers.

    Attributes:
        decay_bits: fraction bits of the decays.
        membrane_bits: width of the membrane, sign included.
        fraction_bits: one current unit is 2^fraction_bits membrane units.
    """

    decay_bits: int = DECAY_BITS
    membrane_bits: int = MEMBRANE_BITS
    fraction_bits: int = FRACTION_BITS


class NeuronModel:
    """A neuron model with integer parameters; subclasses are frozen dataclasses.

    Attributes:
        WORDS: state words per neuron; the state is one vector, one word after the other.
        FIRES: whether it can fire; a model that cannot is a read-out.
        REMEMBERS: whether its state lasts to the next timestep.
        MULTIPLIES: whether an update multiplies a state word.
        SUMS: whether it is a read-out that only adds up its currents.
        COUNTS_CURRENTS: whether the membrane counts in whole units of the current.
        LISTS: parameters that do not have one value per neuron.
    """

    __slots__ = ()
    WORDS: ClassVar[int] = 1
    FIRES: ClassVar[bool] = True
    REMEMBERS: ClassVar[bool] = True
    MULTIPLIES: ClassVar[bool] = False
    SUMS: ClassVar[bool] = False
    COUNTS_CURRENTS: ClassVar[bool] = False
    LISTS: ClassVar[frozenset[str]] = frozenset()

    def parameters(self) -> dict[str, np.ndarray]:
        """The array parameters by name; each has `length` entries."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {k: v for k, v in values.items() if v is not None and not isinstance(v, PLAIN)}

    def structure(self) -> dict[str, Any]:
        """The parameters that are plain values, by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {k: v for k, v in values.items() if isinstance(v, PLAIN)}

    def length(self, parameter: str, size: int) -> int:
        """Number of entries of a parameter: one per neuron, except for tables and levels.

        Args:
            parameter: name of the parameter.
            size: number of neurons.
        """
        return size

    def check(self, name: str, size: int) -> None:
        """Refuse parameters outside the ranges of PROGRAM.md.

        Args:
            name: name of the population.
            size: number of its neurons.

        Raises:
            UltralifError: naming the population and the parameter.
        """

    @property
    def unit_bits(self) -> np.ndarray | int:
        """One current unit is 2^unit_bits membrane units; one number, or int64 [neuron]."""
        return 0

    @property
    def largest_sent(self) -> int:
        """Largest number that a neuron sends in one timestep."""
        return 1

    def one_bit(self) -> "NeuronModel | None":
        """A model whose units send one bit each, and add up to what a neuron of this one sends.

        Unit k·N + n belongs to neuron n of N; there are `largest_sent` units for each neuron. This
        is the model itself where it sends one bit. It is None where several spikes come from one
        membrane, because independent units cannot share that.
        """
        return self if self.largest_sent == 1 else None

    @property
    def widths(self) -> Widths:
        """Word lengths of the membrane and of its decay."""
        return Widths()

    @property
    def lower_bound(self) -> np.ndarray | None:
        """Lower bound of the membrane after the reset, int32 [neuron]; None without one."""
        return None

    @property
    def word_bits(self) -> int:
        """Bits of a state word, as PROGRAM.md limits it; 0 for models without state."""
        return 32 if self.REMEMBERS else 0

    def largest_logit(self, current: int) -> int | None:
        """Largest change of a read-out's sum in one timestep; None where the sum saturates.

        Args:
            current: bound of |current + bias|.
        """
        return current

    def initial_state(self, size: int) -> np.ndarray:
        """State before the first timestep, int64 [WORDS · neuron]."""
        return np.zeros(self.WORDS * size, dtype=np.int64)


class LeakyModel(NeuronModel):
    """Membranes in units of 1/64 of a current unit, and decays of 12 to 24 fraction bits."""

    __slots__ = ()
    MULTIPLIES: ClassVar[bool] = True
    decay: np.ndarray
    decay_bits: int

    @property
    def unit_bits(self) -> np.ndarray | int:
        return FRACTION_BITS

    @property
    def widths(self) -> Widths:
        return Widths(self.decay_bits)

    def largest_logit(self, current: int) -> int | None:
        return None

    def check(self, name: str, size: int) -> None:
        bits = self.decay_bits
        if not DECAY_BITS <= bits <= MAX_DECAY_BITS:
            raise UltralifError(
                f"{name}: decays of {bits} bits; expected {DECAY_BITS} to {MAX_DECAY_BITS}"
            )
        for field in ("decay", "synaptic_decay"):
            decay = getattr(self, field, self.decay)
            if decay.min(initial=0) < 0 or decay.max(initial=0) > 1 << bits:
                raise UltralifError(f"{name}: {field.replace('_', ' ')} outside 0 to {1 << bits}")


class FiringModel(LeakyModel):
    """Leaky models that fire: membrane width, reset, several spikes, and a lower bound."""

    __slots__ = ()
    reset: np.ndarray
    reset_mode: str
    membrane_bits: int
    fraction_bits: int
    most_spikes: int
    floor: np.ndarray | None

    @property
    def unit_bits(self) -> np.ndarray | int:
        return self.fraction_bits

    @property
    def widths(self) -> Widths:
        return Widths(self.decay_bits, self.membrane_bits, self.fraction_bits)

    @property
    def word_bits(self) -> int:
        return self.membrane_bits

    @property
    def lower_bound(self) -> np.ndarray | None:
        return self.floor

    @property
    def largest_sent(self) -> int:
        return self.most_spikes

    def check(self, name: str, size: int) -> None:
        super().check(name, size)
        self._check_word(name)
        if self.reset_mode not in RESETS:
            raise UltralifError(
                f"{name}: reset mode {self.reset_mode!r}; expected one of {', '.join(RESETS)}"
            )
        if not 1 <= self.most_spikes <= MAX_SPIKES:
            raise UltralifError(
                f"{name}: {self.most_spikes} spikes in one timestep; expected 1 to {MAX_SPIKES}"
            )
        subtracts = self.reset_mode == "subtract" and self.reset.min(initial=1) >= 1
        if self.most_spikes > 1 and not subtracts:
            raise UltralifError(
                f"{name}: up to {self.most_spikes} spikes in one timestep; expected that each "
                "subtracts at least 1 from the membrane"
            )

    def _check_word(self, name: str) -> None:
        fractions = "membrane units with fractions"
        for what, bits, least, most in (
            ("a membrane", self.membrane_bits, MEMBRANE_BITS, MAX_MEMBRANE_BITS),
            (fractions, self.fraction_bits, FRACTION_BITS, MAX_FRACTION_BITS),
        ):
            if not least <= bits <= most:
                raise UltralifError(f"{name}: {what} of {bits} bits; expected {least} to {most}")
        top = largest_held(self.membrane_bits)
        for what, values in (("reset", self.reset), ("floor", self.floor)):
            if values is not None and np.abs(values.astype(np.int64)).max(initial=0) > top:
                raise UltralifError(f"{name}: {what} outside -{top} to {top}")


class SecondOrderModel(NeuronModel):
    """Two state words, in units of 2^-shift of a current unit, with word lengths as parameters.

    Attributes:
        COEFFICIENTS: parameters that multiply state words, in units of 2^-coefficient_bits.
    """

    __slots__ = ()
    WORDS: ClassVar[int] = 2
    MULTIPLIES: ClassVar[bool] = True
    COEFFICIENTS: ClassVar[tuple[str, ...]] = ()
    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray

    @property
    def word_bits(self) -> int:
        return int(self.state_bits.max())

    @property
    def unit_bits(self) -> np.ndarray | int:
        bits: np.ndarray = self.shift.astype(np.int64)
        return bits

    def check(self, name: str, size: int) -> None:
        """Refuse parameters outside the ranges in which every sum of an update fits 57 bits.

        The proof is in PROGRAM.md.
        """
        for field, low, high in (
            ("shift", 0, MAX_SHIFT),
            ("coefficient_bits", 1, MAX_COEFFICIENT_BITS),
            ("state_bits", 2, MAX_STATE_BITS),
        ):
            values = getattr(self, field)
            if values.min(initial=low) < low or values.max(initial=high) > high:
                raise UltralifError(
                    f"{name}: {field.replace('_', ' ')} from {values.min()} to {values.max()}; "
                    f"expected {low} to {high}"
                )
        for field in self.COEFFICIENTS:
            values = np.abs(getattr(self, field).astype(np.int64))
            if np.any(values > np.int64(1) << self.coefficient_bits.astype(np.int64)):
                raise UltralifError(
                    f"{name}: {field} reaches {values.max()}; expected at most "
                    "2^coefficient_bits, which stands for 1"
                )
