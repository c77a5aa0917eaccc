"""Populations as Loihi 2 neuron programs: PROGRAM.md's updates in words of 24 bits.

A population is refused unless all its values provably stay within 24 bits. A neuron program can
read only its own state and synaptic sum, so models that read their neighbours' membrane potentials
are refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralif_deploy.chips import Chip
from ultralif_deploy.chips.words import refuse_wide_words
from ultralif_deploy.errors import Refused
from ultralif_deploy.program.fixed import (
    DECAY_BITS,
    DECAY_ONE,
    FRACTION_BITS,
    INT32_MAX,
    MEMBRANE_MAX,
)
from ultralif_deploy.program.neurons import (
    LIF,
    SECOND_ORDER,
    CubaLI,
    CubaLIF,
    GradedLIF,
    GradedLogMaxLIF,
    GradedUltraDLIF,
    Integrator,
    LeakyIntegrator,
    LogMaxLIF,
    MultiThreshold,
    NeuronModel,
    Threshold,
    TropicalLIF,
    UltraDLIF,
    entry_for,
)
from ultralif_deploy.program.program import Population, Program

CURRENT_UNIT = 1 << FRACTION_BITS
"""Number of membrane units in a current unit."""


Words = tuple[np.ndarray, ...]
"""State words, int64 [batch, neuron] each."""


@dataclass(frozen=True, slots=True)
class Microcode:
    """The neuron program of one population.

    Attributes:
        population: the population.
        parameters: int64 [neuron] by name, and the bias.
        structure: parameters that are the same for the whole population.
        note: explanation of how the model is expressed.
    """

    population: Population
    parameters: dict[str, np.ndarray]
    structure: dict[str, Any]
    note: str = "neuron program"

    def start(self, batch: int) -> np.ndarray:
        """State before the first timestep, int64 [batch, words·neuron]."""
        p = self.population
        state = np.zeros((batch, p.words * p.size), dtype=np.int64)
        return state + self.parameters.get("initial", 0)

    def step(self, state: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spikes [batch, neuron], bool or the payload, and state after synaptic sums a."""
        p = self.population
        words = tuple(np.split(state, p.words, axis=1))
        spikes, after = PROGRAMS[type(p.neuron)].update(self, words, a)
        return spikes, np.concatenate(after, axis=1)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.parameters[name]


def microcode(program: Program, population: Population, chip: Chip) -> Microcode:
    """The neuron program of a population.

    Args:
        program: program with the number of timesteps and the bounds of synaptic sums.
        population: one of its populations.
        chip: chip that gives the word lengths.

    Raises:
        Refused: the model reads neighbours, or needs more than 24 bits.
    """
    refuse_wide_words(population, chip)
    neuron = population.neuron
    top = (1 << (chip.need("membrane_bits") - 1)) - 1
    if (why := IMPOSSIBLE.get(type(neuron))) is not None:
        raise Refused(f"{chip.name}: {population.name}: {type(neuron).__name__}: {why}")
    entry = entry_for(PROGRAMS, neuron, population.name, chip.name)
    reach = entry.reach(neuron, program.current_bounds[population.name], program.timesteps)
    if reach > top:
        raise Refused(
            f"{chip.name}: {population.name}: {type(neuron).__name__} may reach {reach}; limit "
            f"{top} (24 bits); use fewer bits, inputs per neuron or timesteps"
        )
    arrays = {"bias": population.bias, **population.parameters()}
    return Microcode(
        population, {k: v.astype(np.int64) for k, v in arrays.items()}, neuron.structure()
    )


def _current(neuron: Any, bound: int, timesteps: int) -> int:
    """Largest value of models that saturate or have no memory: that of the synaptic sum."""
    del neuron, timesteps
    return bound


def _summed(neuron: Any, bound: int, timesteps: int) -> int:
    del neuron
    return timesteps * bound


def _leaky_reach(neuron: Any, bound: int, timesteps: int) -> int:
    del neuron
    return CURRENT_UNIT * bound * timesteps


def _current_based_reach(neuron: Any, bound: int, timesteps: int) -> int:
    """Largest value if each timestep adds CURRENT_UNIT·bound to the synaptic current.

    The synaptic current is added to the membrane potential at every timestep.
    """
    del neuron
    return CURRENT_UNIT * bound * (timesteps * (timesteps + 1) // 2)


def _tropical_reach(neuron: TropicalLIF, bound: int, timesteps: int) -> int:
    arrays = (neuron.initial, neuron.reset)
    start = max(int(np.abs(a.astype(np.int64)).max()) for a in arrays)
    return max(start, bound) + timesteps * max(0, -int(neuron.decay.min()))


def _leak(v: np.ndarray, decay: np.ndarray) -> np.ndarray:
    kept: np.ndarray = np.sign(v) * ((np.abs(v) * (DECAY_ONE - decay)) >> DECAY_BITS)
    return kept


def _sat(v: np.ndarray, top: int = MEMBRANE_MAX) -> np.ndarray:
    return np.clip(v, -top, top)


def _silent(v: np.ndarray) -> np.ndarray:
    return np.zeros(v.shape, dtype=bool)


Result = tuple[np.ndarray, Words]


def _threshold(m: Microcode, words: Words, a: np.ndarray) -> Result:
    return a + m["bias"] > m["threshold"], words


def _tropical(m: Microcode, words: Words, a: np.ndarray) -> Result:
    u = np.maximum(words[0] - m["decay"], a + m["bias"])
    spikes = u > m["threshold"]
    return spikes, (np.where(spikes, m["reset"], u),)


def _lif(m: Microcode, words: Words, a: np.ndarray) -> Result:
    w = _leak(words[0], m["decay"]) + CURRENT_UNIT * a + m["bias"]
    spikes, after = _fire_and_reset(m, words[0], w)
    return spikes, (after,)


def _cuba_lif(m: Microcode, words: Words, a: np.ndarray) -> Result:
    current = _sat(_leak(words[1], m["synaptic_decay"]) + CURRENT_UNIT * a + m["bias"])
    spikes, after = _fire_and_reset(m, words[0], _leak(words[0], m["decay"]) + current)
    return spikes, (after, current)


def _fire_and_reset(m: Microcode, v: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and membrane potentials by reset mode, as in the table of PROGRAM.md."""
    mode, threshold, reset = m.structure["reset_mode"], m["threshold"], m["reset"]
    held = v > threshold
    late = np.broadcast_to(reset, w.shape) if mode == "late-value" else _sat(w - reset)
    delayed = mode in ("late-value", "late-subtract", "immediate-subtract")
    u = np.where(held, late, _sat(w)) if delayed else _sat(w)
    spikes = u > threshold
    if mode == "value":
        return spikes, np.where(spikes, reset, u)
    if mode == "subtract":
        return spikes, np.where(spikes, _sat(u - reset), u)
    if mode == "immediate-subtract":
        return spikes, np.where(spikes, _sat(w - reset), _sat(w))
    return spikes, u


def _log_max(m: Microcode, words: Words, a: np.ndarray) -> Result:
    u = _soft_maximum(m, words, a)
    spikes = u > m["threshold"]
    return spikes, (np.where(spikes, 0, u),)


def _soft_maximum(m: Microcode, words: Words, a: np.ndarray) -> np.ndarray:
    """The soft maximum of the leaked membrane potential and the drive."""
    kept, drive = words[0] - m["decay"], CURRENT_UNIT * a + m["bias"]
    entry, table = np.abs(kept - drive) >> m.structure["shift"], m["table"]
    inside = entry < len(table)
    correction = np.where(inside, table[np.where(inside, entry, 0)], 0)
    return _sat(np.maximum(kept, drive) + correction)


def _passed(m: Microcode, values: np.ndarray) -> np.ndarray:
    """Number of thresholds that each value exceeds. It is the payload of the spike."""
    limits = m["thresholds"].reshape(m.structure["levels"], 1, -1)
    return np.count_nonzero(values > limits, axis=0)


def _multi_threshold(m: Microcode, words: Words, a: np.ndarray) -> Result:
    return _passed(m, a + m["bias"]), words


def _graded_log_max(m: Microcode, words: Words, a: np.ndarray) -> Result:
    return _passed_and_left(m, _soft_maximum(m, words, a))


def _graded_lif(m: Microcode, words: Words, a: np.ndarray) -> Result:
    drive = CURRENT_UNIT * a + m["bias"]
    return _passed_and_left(m, _sat(_leak(words[0], m["decay"]) + drive))


def _passed_and_left(m: Microcode, u: np.ndarray) -> Result:
    """Number of thresholds that u exceeds, and what these levels leave of it."""
    passed = _passed(m, u)
    taken = np.concatenate(([0], m["reset"]))[passed]
    return passed, (_leak(u, taken),)


def _integrator(m: Microcode, words: Words, a: np.ndarray) -> Result:
    return _silent(a), (words[0] + a + m["bias"],)


def _leaky_integrator(m: Microcode, words: Words, a: np.ndarray) -> Result:
    u = _leak(words[0], m["decay"]) + CURRENT_UNIT * a + m["bias"]
    return _silent(a), (_sat(u, INT32_MAX),)


def _cuba_li(m: Microcode, words: Words, a: np.ndarray) -> Result:
    current = _sat(_leak(words[1], m["synaptic_decay"]) + CURRENT_UNIT * a + m["bias"], INT32_MAX)
    u = _sat(_leak(words[0], m["decay"]) + current, INT32_MAX)
    return _silent(a), (u, current)


IMPOSSIBLE: dict[type, str] = {
    **dict.fromkeys((UltraDLIF, GradedUltraDLIF), "a neuron cannot read its neighbours' membranes"),
    **dict.fromkeys(
        SECOND_ORDER, "widths of the chip's products, which it needs, are not published"
    ),
}
"""Models that cannot be a neuron program, with the reason."""


@dataclass(frozen=True, slots=True)
class NeuronProgram:
    """A model as a neuron program.

    Attributes:
        update: one timestep, from state words and synaptic sum to spikes and next state words.
        reach: largest magnitude of a state word or the synaptic sum; a function of the neuron, the
            bound of its current and the number of timesteps.
    """

    update: Callable[[Microcode, Words, np.ndarray], Result]
    reach: Callable[[Any, int, int], int]


PROGRAMS: dict[type[NeuronModel], NeuronProgram] = {
    Threshold: NeuronProgram(_threshold, _current),
    TropicalLIF: NeuronProgram(_tropical, _tropical_reach),
    LIF: NeuronProgram(_lif, _current),
    CubaLIF: NeuronProgram(_cuba_lif, _current),
    LogMaxLIF: NeuronProgram(_log_max, _current),
    MultiThreshold: NeuronProgram(_multi_threshold, _current),
    GradedLogMaxLIF: NeuronProgram(_graded_log_max, _current),
    GradedLIF: NeuronProgram(_graded_lif, _current),
    Integrator: NeuronProgram(_integrator, _summed),
    LeakyIntegrator: NeuronProgram(_leaky_integrator, _leaky_reach),
    CubaLI: NeuronProgram(_cuba_li, _current_based_reach),
}
