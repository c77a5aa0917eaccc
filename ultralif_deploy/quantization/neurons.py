"""Neuron models in float64 -> neuron models in integers, by model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.network.neurons.graded.multi_threshold import GradedNeuron
from ultralif_deploy.program import neurons as integer_neurons
from ultralif_deploy.program.fixed import (
    DECAY_ONE,
    INT32_MAX,
    MAX_SHIFT,
    MEMBRANE_MAX,
    largest_held,
)
from ultralif_deploy.program.neurons import NeuronModel
from ultralif_deploy.quantization.correction_table import CorrectionTable, correction_table
from ultralif_deploy.quantization.integers import Rounding
from ultralif_deploy.quantization.second_order import (
    Spiking,
    readout_state_bits,
    readout_unit,
    state_unit,
)


def integer_neuron(neuron: FloatNeuron, rounding: Rounding) -> tuple[NeuronModel, Rounding]:
    """The integer model of a neuron, and the rounding with the unit of its membrane.

    Args:
        neuron: float64, without a gain.
        rounding: rounding with the scale of the weights; its unit is not read.

    Raises:
        UltralifError: a value that its register does not hold.
    """
    made = _MODELS[type(neuron)]
    rounding = replace(rounding, unit=made.unit(neuron, rounding))
    return made.integer(neuron, rounding), rounding


def _current_unit(neuron: FloatNeuron, rounding: Rounding) -> np.ndarray:
    del neuron
    return rounding.scale


def _fraction(neuron: FloatNeuron, rounding: Rounding) -> np.ndarray:
    """A current unit is 2^f membrane units."""
    del neuron
    return rounding.scale / (1 << rounding.word.fraction)


def _state(neuron: Spiking, rounding: Rounding) -> np.ndarray:
    """A current unit is at most 2^24 state units.

    More would be needed only where one weight step is many times the threshold. The states of such
    neurons are coarser than asked for, and nothing is clipped.
    """
    return rounding.scale / 2 ** _shift(rounding.scale, state_unit(neuron, rounding.lengths))


def _sum_state(neuron: float_neurons.LeakySum, rounding: Rounding) -> np.ndarray:
    """One shift for all neurons, because logits are compared as they are."""
    unit = readout_unit(neuron, rounding.largest, rounding.lengths)
    return rounding.scale / 2 ** _shift(rounding.scale, unit).min()


def _shift(scale: np.ndarray, unit: np.ndarray) -> np.ndarray:
    # The scale is at least one unit (`registers`), but for the rounding of this quotient.
    shift: np.ndarray = np.clip(np.ceil(np.log2(scale / unit)), 0, MAX_SHIFT)
    return shift


def _threshold(neuron: float_neurons.Threshold, rounding: Rounding) -> NeuronModel:
    # The program proves that no current passes 32 bits, so a threshold beyond decides nothing.
    limits = np.clip(rounding.limits(neuron.threshold, neuron.inclusive), -INT32_MAX - 1, INT32_MAX)
    return integer_neurons.Threshold(limits)


def _tropical(neuron: float_neurons.TropicalLIF, rounding: Rounding) -> NeuronModel:
    return integer_neurons.TropicalLIF(
        threshold=rounding.threshold(neuron),
        decay=rounding.nearest(neuron.decay, "decay"),
        reset=rounding.nearest(neuron.reset, "reset"),
        initial=rounding.nearest(neuron.initial, "initial membrane potential"),
    )


class _Firing(TypedDict):
    """The fields that the integer models LIF and CubaLIF share."""

    threshold: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    reset_mode: str
    decay_bits: int
    membrane_bits: int
    fraction_bits: int
    most_spikes: int
    floor: np.ndarray | None


def _firing(neuron: float_neurons.LIF | float_neurons.CubaLIF, rounding: Rounding) -> _Firing:
    """Threshold, decay, reset, floor and word length of a leaky membrane."""
    word, floor = rounding.word, neuron.floor
    top = largest_held(word.bits)
    return {
        "threshold": rounding.threshold(neuron, top),
        "decay": rounding.decay(neuron.tau),
        "reset": rounding.nearest(neuron.reset, "reset", top),
        "reset_mode": neuron.reset_mode,
        "decay_bits": rounding.decay_bits,
        "membrane_bits": word.bits,
        "fraction_bits": word.fraction,
        "most_spikes": neuron.most_spikes,
        "floor": None if floor is None else rounding.floor(floor, top),
    }


def _lif(neuron: float_neurons.LIF, rounding: Rounding) -> NeuronModel:
    return integer_neurons.LIF(**_firing(neuron, rounding))


def _cuba_lif(neuron: float_neurons.CubaLIF, rounding: Rounding) -> NeuronModel:
    synaptic = rounding.decay(neuron.synaptic_tau)
    return integer_neurons.CubaLIF(synaptic_decay=synaptic, **_firing(neuron, rounding))


def _ring(neuron: float_neurons.UltraDLIF, rounding: Rounding) -> NeuronModel:
    return integer_neurons.UltraDLIF(
        threshold=rounding.threshold(neuron, MEMBRANE_MAX),
        decay=rounding.decay(neuron.tau),
        form=neuron.form,
        stride=neuron.stride,
        decay_bits=rounding.decay_bits,
    )


def _log_max(neuron: float_neurons.LogMaxLIF, rounding: Rounding) -> NeuronModel:
    table = _correction(neuron.epsilon, rounding)
    return integer_neurons.LogMaxLIF(
        threshold=rounding.threshold(neuron, MEMBRANE_MAX),
        decay=rounding.nearest(neuron.decay, "decay"),
        table=table.values,
        shift=table.shift,
    )


def _correction(epsilon: float, rounding: Rounding) -> CorrectionTable:
    try:
        return correction_table(epsilon / float(rounding.unit.max()), rounding.table)
    except UltralifError as error:
        raise UltralifError(f"{rounding.name}: {error}") from error


def _multi_threshold(neuron: float_neurons.MultiThreshold, rounding: Rounding) -> NeuronModel:
    levels = len(neuron.thresholds)
    return integer_neurons.MultiThreshold(_levels(neuron, rounding, INT32_MAX), levels)


def _levels(neuron: GradedNeuron, rounding: Rounding, top: int) -> np.ndarray:
    """Integer thresholds, one level after the other.

    No current and no membrane potential exceeds `top`, so a threshold beyond it has no effect.
    """
    limits = [rounding.limits(level, inclusive=True) for level in neuron.thresholds]
    return np.clip(np.concatenate(limits), -top - 1, top)


def _graded_log_max(neuron: float_neurons.GradedLogMaxLIF, rounding: Rounding) -> NeuronModel:
    table = _correction(neuron.epsilon, rounding)
    return integer_neurons.GradedLogMaxLIF(
        decay=rounding.nearest(neuron.decay, "decay"),
        table=table.values,
        shift=table.shift,
        **_graded(neuron, rounding),
    )


class _Graded(TypedDict):
    """The fields that all models with several thresholds and a membrane share."""

    thresholds: np.ndarray
    reset: np.ndarray
    levels: int


def _graded(neuron: GradedNeuron, rounding: Rounding) -> _Graded:
    """Thresholds, and the share of the membrane that each level takes."""
    levels = len(neuron.thresholds)
    return {
        "thresholds": _levels(neuron, rounding, MEMBRANE_MAX),
        "reset": np.rint(DECAY_ONE * np.arange(1, levels + 1) / levels),
        "levels": levels,
    }


def _graded_lif(neuron: float_neurons.GradedLIF, rounding: Rounding) -> NeuronModel:
    return integer_neurons.GradedLIF(
        decay=rounding.decay(neuron.tau),
        decay_bits=rounding.decay_bits,
        **_graded(neuron, rounding),
    )


def _graded_ring(neuron: float_neurons.GradedUltraDLIF, rounding: Rounding) -> NeuronModel:
    return integer_neurons.GradedUltraDLIF(
        decay=rounding.decay(neuron.tau),
        form=neuron.form,
        stride=neuron.stride,
        decay_bits=rounding.decay_bits,
        **_graded(neuron, rounding),
    )


def _integrator(neuron: float_neurons.Integrator, rounding: Rounding) -> NeuronModel:
    del neuron, rounding
    return integer_neurons.Integrator()


def _leaky_integrator(neuron: float_neurons.LeakyIntegrator, rounding: Rounding) -> NeuronModel:
    return integer_neurons.LeakyIntegrator(rounding.decay(neuron.tau), rounding.decay_bits)


def _cuba_li(neuron: float_neurons.CubaLI, rounding: Rounding) -> NeuronModel:
    return integer_neurons.CubaLI(
        decay=rounding.decay(neuron.tau),
        synaptic_decay=rounding.decay(neuron.synaptic_tau),
        decay_bits=rounding.decay_bits,
    )


class _Words(TypedDict):
    """Shift and word lengths that all second-order models have, each [neuron]."""

    shift: np.ndarray
    coefficient_bits: np.ndarray
    state_bits: np.ndarray


def _words(rounding: Rounding, state_bits: int) -> _Words:
    """Shift and word lengths of a second-order model."""
    size = len(rounding.scale)
    return {
        "shift": np.rint(np.log2(rounding.scale / rounding.unit)),
        "coefficient_bits": np.full(size, rounding.lengths.coefficient_bits),
        "state_bits": np.full(size, state_bits),
    }


def _coefficient(rounding: Rounding, what: str, value: np.ndarray) -> np.ndarray:
    """A factor of a state, in units of 2^-coefficient_bits."""
    one = 1 << rounding.lengths.coefficient_bits
    return _within(np.rint(value * one), one, f"{rounding.name}: {what}", value, "−1 to 1")


def _potential(rounding: Rounding, what: str, value: np.ndarray) -> np.ndarray:
    """A value in units of the state."""
    return _held(rounding, what, np.rint(value / rounding.unit), value)


def _silent(rounding: Rounding, threshold: np.ndarray, inclusive: bool) -> np.ndarray:
    """The largest state that must not fire; the model fires at v > threshold."""
    ratio = threshold / rounding.unit
    limit = np.ceil(ratio) - 1 if inclusive else np.floor(ratio)
    return _held(rounding, "threshold", limit, threshold)


def _held(rounding: Rounding, what: str, units: np.ndarray, value: np.ndarray) -> np.ndarray:
    held = f"at most {INT32_MAX} units of its scale"
    return _within(units, INT32_MAX, f"{rounding.name}: {what}", value, held)


def _within(
    integers: np.ndarray, top: int, what: str, values: np.ndarray, expected: str
) -> np.ndarray:
    beyond = np.abs(integers) > top
    if beyond.any():
        n = int(np.argmax(beyond))
        raise UltralifError(f"{what} of neuron {n} is {values[n]:g}; expected {expected}")
    return integers


def _silif(neuron: float_neurons.SiLIF, rounding: Rounding) -> NeuronModel:
    return integer_neurons.SiLIF(
        threshold=_silent(rounding, neuron.threshold, inclusive=False),
        reset=_potential(rounding, "threshold", neuron.threshold),
        alpha=_coefficient(rounding, "alpha", neuron.alpha),
        beta=_coefficient(rounding, "beta", neuron.beta),
        a=_coefficient(rounding, "a", neuron.a),
        b=_potential(rounding, "b", neuron.b),
        **_words(rounding, rounding.lengths.state_bits),
    )


def _csilif(neuron: float_neurons.CSiLIF, rounding: Rounding) -> NeuronModel:
    real = _coefficient(rounding, "real", neuron.real)
    imaginary = _coefficient(rounding, "imaginary", neuron.imaginary)
    return integer_neurons.CSiLIF(
        threshold=_silent(rounding, neuron.threshold, inclusive=False),
        reset=_potential(rounding, "threshold", neuron.threshold),
        real=real,
        imaginary=imaginary,
        **_words(rounding, rounding.lengths.state_bits),
    )


def _adalif(neuron: float_neurons.AdaLIF, rounding: Rounding) -> NeuronModel:
    return integer_neurons.AdaLIF(
        threshold=_silent(rounding, neuron.threshold, neuron.inclusive),
        alpha=_coefficient(rounding, "tau", neuron.tau),
        beta=_coefficient(rounding, "adaptation_decay", neuron.adaptation_decay),
        jump=_potential(rounding, "jump", neuron.jump),
        **_words(rounding, rounding.lengths.state_bits),
    )


def _leaky_sum(neuron: float_neurons.LeakySum, rounding: Rounding) -> NeuronModel:
    alpha = _coefficient(rounding, "alpha", neuron.alpha)
    return integer_neurons.LeakySum(
        alpha=alpha, **_words(rounding, readout_state_bits(rounding.lengths))
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """How one model becomes integers.

    Attributes:
        unit: real value of a membrane unit, [neuron].
        integer: the integer model, for a rounding with that unit.
    """

    unit: Callable[[Any, Rounding], np.ndarray]
    integer: Callable[[Any, Rounding], NeuronModel]


_MODELS: dict[type[FloatNeuron], _Made] = {
    float_neurons.Threshold: _Made(_current_unit, _threshold),
    float_neurons.TropicalLIF: _Made(_current_unit, _tropical),
    float_neurons.LIF: _Made(_fraction, _lif),
    float_neurons.CubaLIF: _Made(_fraction, _cuba_lif),
    float_neurons.UltraDLIF: _Made(_fraction, _ring),
    float_neurons.LogMaxLIF: _Made(_fraction, _log_max),
    float_neurons.MultiThreshold: _Made(_current_unit, _multi_threshold),
    float_neurons.GradedLogMaxLIF: _Made(_fraction, _graded_log_max),
    float_neurons.GradedLIF: _Made(_fraction, _graded_lif),
    float_neurons.GradedUltraDLIF: _Made(_fraction, _graded_ring),
    float_neurons.SiLIF: _Made(_state, _silif),
    float_neurons.CSiLIF: _Made(_state, _csilif),
    float_neurons.AdaLIF: _Made(_state, _adalif),
    float_neurons.Integrator: _Made(_current_unit, _integrator),
    float_neurons.LeakyIntegrator: _Made(_fraction, _leaky_integrator),
    float_neurons.CubaLI: _Made(_fraction, _cuba_li),
    float_neurons.LeakySum: _Made(_sum_state, _leaky_sum),
}
"""By float64 model."""
