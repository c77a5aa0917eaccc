"""Neuron models in float64 -> neuron models in integers, nothing clipped."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import network as hard
from ultralif_deploy.network.log_max import correction_table
from ultralif_deploy.program import neurons
from ultralif_deploy.program.fixed import DECAY_BITS, INT32_MAX, MEMBRANE_MAX, largest_held
from ultralif_deploy.quantization.registers import PLAIN, Word


@dataclass(frozen=True, slots=True, eq=False)
class Rounding:
    """How the real values of one population become integers.

    Attributes:
        name: of the population, for errors.
        unit: real value of one unit of the membrane, the threshold and the bias, [neuron].
        reaches: whether the membrane can reach the threshold at all, bool [neuron].
        decay_bits: fraction bits of leaky models' decays.
        word: register of the membranes of LIF and CubaLIF.
    """

    name: str
    unit: np.ndarray
    reaches: np.ndarray
    decay_bits: int = DECAY_BITS
    word: Word = PLAIN

    def nearest(self, values: np.ndarray, what: str, top: int = INT32_MAX) -> np.ndarray:
        """The nearest whole numbers of units.

        Args:
            values: real values, float64 [neuron].
            what: names the parameter, for errors.
            top: largest magnitude that its register holds, in units.

        Raises:
            UltralifError: one of them lies beyond ±top.
        """
        return self.within(np.rint(values / self.unit), values, what, top)

    def limits(self, neuron: Any) -> np.ndarray:
        """The largest whole numbers of units that must not fire, float64 [neuron], unbounded."""
        # Neurons of a channel are mostly alike: each pair of threshold and unit once.
        pairs, which = np.unique(
            np.stack((neuron.threshold, self.unit)), axis=1, return_inverse=True
        )
        exact = [integer_threshold(float(t), float(s), neuron.inclusive) for t, s in pairs.T]
        return np.array(exact, dtype=np.float64)[which.reshape(-1)]

    def threshold(self, neuron: Any, top: int = INT32_MAX) -> np.ndarray:
        """The same within a register; `top` for neurons that never reach their threshold.

        No membrane passes `top`, so that such a neuron is as silent as it was.

        Raises:
            UltralifError: a threshold beyond ±top that a membrane can reach.
        """
        limits = self.limits(neuron)
        limits = np.where(~self.reaches & (limits > top), float(top), limits)
        return self.within(limits, neuron.threshold, "threshold", top)

    def floor(self, values: np.ndarray, top: int) -> np.ndarray:
        """The nearest lower bounds; −`top` for those that its register cannot reach anyway."""
        return np.maximum(np.rint(values / self.unit), -float(top))

    def within(
        self, integers: np.ndarray, values: np.ndarray, what: str, top: int = INT32_MAX
    ) -> np.ndarray:
        """The integers themselves.

        Args:
            integers: whole numbers of units, float64 [neuron].
            values: the real values they stand for, float64 [neuron], for errors.
            what: names the parameter, for errors.
            top: largest magnitude that its register holds, in units.

        Raises:
            UltralifError: one of them lies beyond ±top.
        """
        beyond = np.abs(integers) > top
        if beyond.any():
            n = int(np.argmax(beyond))
            raise UltralifError(
                f"{self.name}: the {what} of neuron {n}, {values[n]:g}, is {integers[n]:.4g} units "
                f"of its weights' scale; its register holds {top}: make its weights larger beside "
                "it, or use fewer bits"
            )
        return integers


def integer_threshold(threshold: float, scale: float, inclusive: bool) -> int:
    """Largest integer n that must not fire: scale·n < θ (inclusive) or scale·n ≤ θ.

    ⌈θ/S⌉ − 1 where the neuron fires at equality, ⌊θ/S⌋ where it does not; exact for all floats.

    Args:
        threshold: θ, a real value.
        scale: S, the real value of one unit.
        inclusive: whether the neuron fires at equality.
    """
    ratio = Fraction(threshold) / Fraction(scale)
    return -((-ratio) // 1) - 1 if inclusive else ratio // 1


def is_fine(neuron: hard.Neuron) -> bool:
    """Whether membrane, threshold and bias count in 1/64 of a current unit."""
    return not isinstance(neuron, (hard.Threshold, hard.TropicalLIF, hard.Integrator))


def integer_neuron(neuron: hard.Neuron, rounding: Rounding, table: int) -> neurons.Neuron:
    """The integer model of a neuron with one state word, or with a synaptic current.

    Args:
        neuron: float64.
        rounding: with the population's membrane unit.
        table: entries of the correction table of LogMaxLIF.

    Raises:
        UltralifError: a value that its register does not hold.
    """
    return _MODELS[type(neuron)](neuron, rounding, table)


def _decay(rounding: Rounding, tau: np.ndarray) -> np.ndarray:
    """Decay in units of 2^-decay_bits, nearest to 1 − τ."""
    outside = ~((tau >= 0) & (tau <= 1))
    if outside.any():
        n = int(np.argmax(outside))
        raise UltralifError(
            f"{rounding.name}: neuron {n} keeps {tau[n]:g} of its membrane in a timestep; expected "
            "0 to 1"
        )
    return np.rint((1 << rounding.decay_bits) * (1 - tau))


def _threshold(neuron: hard.Threshold, rounding: Rounding, table: int) -> neurons.Neuron:
    del table
    # The program proves that no current passes 32 bits, so a threshold beyond decides nothing.
    return neurons.Threshold(np.clip(rounding.limits(neuron), -INT32_MAX - 1, INT32_MAX))


def _tropical(neuron: hard.TropicalLIF, rounding: Rounding, table: int) -> neurons.Neuron:
    del table
    return neurons.TropicalLIF(
        threshold=rounding.threshold(neuron),
        decay=rounding.nearest(neuron.decay, "decay"),
        reset=rounding.nearest(neuron.reset, "reset"),
        initial=rounding.nearest(neuron.initial, "initial membrane potential"),
    )


def _firing(neuron: hard.LIF | hard.CubaLIF, rounding: Rounding) -> dict[str, Any]:
    """Threshold, decay, reset and floor of a leaky membrane, and what holds it."""
    word, floor = rounding.word, neuron.floor
    top = largest_held(word.bits)
    return {
        "threshold": rounding.threshold(neuron, top),
        "decay": _decay(rounding, neuron.tau),
        "reset": rounding.nearest(neuron.reset, "reset", top),
        "reset_mode": neuron.reset_mode,
        "decay_bits": rounding.decay_bits,
        "membrane_bits": word.bits,
        "fraction_bits": word.fraction,
        "most_spikes": neuron.most_spikes,
        "floor": None if floor is None else rounding.floor(floor, top),
    }


def _lif(neuron: hard.LIF, rounding: Rounding, table: int) -> neurons.Neuron:
    del table
    return neurons.LIF(**_firing(neuron, rounding))


def _cuba_lif(neuron: hard.CubaLIF, rounding: Rounding, table: int) -> neurons.Neuron:
    del table
    synaptic = _decay(rounding, neuron.synaptic_tau)
    return neurons.CubaLIF(synaptic_decay=synaptic, **_firing(neuron, rounding))


def _ring(neuron: hard.UltraDLIF, rounding: Rounding, table: int) -> neurons.Neuron:
    del table
    return neurons.UltraDLIF(
        threshold=rounding.threshold(neuron, MEMBRANE_MAX),
        decay=_decay(rounding, neuron.tau),
        form=neuron.form,
        stride=neuron.stride,
        decay_bits=rounding.decay_bits,
    )


def _log_max(neuron: hard.LogMaxLIF, rounding: Rounding, table: int) -> neurons.Neuron:
    try:
        correction = correction_table(neuron.epsilon / float(rounding.unit.max()), table)
    except UltralifError as error:
        raise UltralifError(f"{rounding.name}: {error}") from error
    return neurons.LogMaxLIF(
        threshold=rounding.threshold(neuron, MEMBRANE_MAX),
        decay=rounding.nearest(neuron.decay, "decay"),
        table=correction.values,
        shift=correction.shift,
    )


def _integrator(neuron: hard.Integrator, rounding: Rounding, table: int) -> neurons.Neuron:
    del neuron, rounding, table
    return neurons.Integrator()


def _leaky_integrator(
    neuron: hard.LeakyIntegrator, rounding: Rounding, table: int
) -> neurons.Neuron:
    del table
    return neurons.LeakyIntegrator(_decay(rounding, neuron.tau), rounding.decay_bits)


def _cuba_li(neuron: hard.CubaLI, rounding: Rounding, table: int) -> neurons.Neuron:
    del table
    return neurons.CubaLI(
        decay=_decay(rounding, neuron.tau),
        synaptic_decay=_decay(rounding, neuron.synaptic_tau),
        decay_bits=rounding.decay_bits,
    )


_MODELS: dict[type, Callable[..., neurons.Neuron]] = {
    hard.Threshold: _threshold,
    hard.TropicalLIF: _tropical,
    hard.LIF: _lif,
    hard.CubaLIF: _cuba_lif,
    hard.UltraDLIF: _ring,
    hard.LogMaxLIF: _log_max,
    hard.Integrator: _integrator,
    hard.LeakyIntegrator: _leaky_integrator,
    hard.CubaLI: _cuba_li,
}
