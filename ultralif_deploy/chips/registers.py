"""Populations as stock Loihi 1 neurons, with their registers and fixed-point arithmetic.

One timestep of a compartment is defined by Lava's bit-accurate LIF model. The synaptic sum a is in
weight units. The decay of the current is 4096, which clears it exactly:

    v ← clip(sgn(v)·⌊|v|·(4096 − dv) / 4096⌋ + wrap(64·a) + mantissa·2^exponent, ±(2^23 − 1))
    fires iff v > 64·threshold; then v ← 0

wrap keeps 24 bits of two's complement; programs whose sums could reach that are refused.
Weights are stored doubled at exponent −1, because mixed-sign weights of 8 bits are even.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ultralif_deploy.chips import Chip
from ultralif_deploy.chips.words import refuse_wide_words
from ultralif_deploy.errors import Refused
from ultralif_deploy.program.fixed import DECAY_ONE, FRACTION_BITS, MEMBRANE_MAX
from ultralif_deploy.program.graph import largest_sums
from ultralif_deploy.program.neurons import LIF, Integrator, LeakyIntegrator, NeuronModel, Threshold
from ultralif_deploy.program.program import Population, Program

CURRENT_UNIT = 1 << FRACTION_BITS
"""Number of membrane units in a current unit."""

CURRENT_RANGE = 1 << 24
LARGEST_GUARDED = 2047
"""Largest |membrane| in weight units at which decay 4095 leaves less than half a unit behind."""


@dataclass(frozen=True, slots=True)
class Registers:
    """Configuration of the stock neurons of one population.

    Attributes:
        threshold: mantissa, in weight units, int64 [neuron].
        decay: dv of 0 to 4096, int64 [neuron].
        mantissa: mantissa of the bias, int64 [neuron].
        exponent: exponent of the bias.
        never_fires: whether the population is a read-out.
        note: explanation of how the model is expressed.
    """

    threshold: np.ndarray
    decay: np.ndarray
    mantissa: np.ndarray
    exponent: int
    never_fires: bool
    note: str

    @property
    def bias(self) -> np.ndarray:
        """mantissa·2^exponent, membrane units, int64 [neuron]."""
        return self.mantissa << self.exponent

    def start(self, batch: int) -> np.ndarray:
        """Membranes before the first timestep, int64 [batch, neuron]."""
        return np.zeros((batch, len(self.decay)), dtype=np.int64)

    def step(self, v: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spikes bool and membranes int64 [batch, neuron] after synaptic sums a."""
        u = np.sign(v) * ((np.abs(v) * (DECAY_ONE - self.decay)) >> 12)
        drive = (CURRENT_UNIT * a + CURRENT_RANGE // 2) % CURRENT_RANGE - CURRENT_RANGE // 2
        u = np.clip(u + drive + self.bias, -MEMBRANE_MAX, MEMBRANE_MAX)
        spikes = u > CURRENT_UNIT * self.threshold
        return spikes, np.where(spikes, 0, u)


def registers(
    program: Program, population: Population, chip: Chip, exponent: int | None = None
) -> Registers:
    """Registers that make a population's stock neurons do what the program says.

    Args:
        program: program that holds the population.
        population: population to express.
        chip: chip whose limits hold.
        exponent: exponent of all biases, where the target fixes it.

    Raises:
        Refused: there are none.
    """
    refuse_wide_words(population, chip)
    sums = _sums(program, population)
    if sums.max() > chip.need("accumulator"):
        raise _refused(
            chip,
            population,
            f"synaptic sums reach {sums.max()}",
            chip.need("accumulator"),
            "use fewer bits or fewer inputs per neuron",
        )
    if type(population.neuron) not in MODELS:
        units = "a network that elides to threshold units"
        if population.neuron.one_bit() is not None and population.largest_sent > 1:
            units = "`ultralif export --to nir --unary`, which makes threshold units of it"
        raise Refused(
            f"{chip.name}: {population.name}: stock neurons have no "
            f"{type(population.neuron).__name__}; use lava, which takes every model, or {units}"
        )
    asked = Asked(population, chip, sums, program.timesteps, exponent)
    made = MODELS[type(population.neuron)](asked, population.neuron)
    for what, values, limit in (
        ("bias mantissas reach", made.mantissa, "bias_mantissa"),
        ("thresholds reach", made.threshold, "threshold"),
    ):
        most = int(np.abs(values).max())
        if most > chip.need(limit):
            raise _refused(chip, population, f"{what} {most}", chip.need(limit), "use fewer bits")
    profiles = len(set(zip(made.threshold.tolist(), made.decay.tolist(), strict=True)))
    if profiles > chip.need("profiles"):
        raise _refused(
            chip,
            population,
            f"{profiles} different thresholds and decays",
            chip.need("profiles"),
            "learn one threshold and decay per layer",
        )
    return made


def _sums(program: Program, population: Population) -> np.ndarray:
    """Largest |a| of the synaptic sums, in weight units, int64 [neuron]."""
    sums = np.zeros(population.size, dtype=np.int64)
    for p in program.incoming(population.name):
        sums += largest_sums(p.map, program.largest_sent(p.source))
    return sums


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What the registers of one population are chosen for.

    Attributes:
        population: population to express.
        chip: chip whose limits hold.
        sums: largest |a| of its synaptic sums, in weight units, int64 [neuron].
        timesteps: T of one inference.
        exponent: exponent of all biases, where the target fixes it.
    """

    population: Population
    chip: Chip
    sums: np.ndarray
    timesteps: int
    exponent: int | None

    @property
    def exponents(self) -> Iterable[int]:
        """Exponents that the bias may have."""
        free = self.exponent is None
        return range(self.chip.need("bias_exponent") + 1) if free else (self.exponent,)  # type: ignore[return-value]


def _threshold(asked: Asked, neuron: Threshold) -> Registers:
    """A unit without memory: I + bias > θ as v > V0 with the bias V0 − θ.

    Decay 4095 leaves sgn(v)·(|v| >> 12) behind, less than the half unit that the bias is lowered
    by, while |v| is within 2047 units. Beyond that, or where half a unit has no bias, decay 4096 is
    used, which clears the membrane.
    """
    population, bound, exponent = asked.population, int(asked.sums.max()), asked.exponent
    least = neuron.threshold.astype(np.int64) - population.bias  # fires iff I > least
    least = np.clip(least, -bound - 1, bound)
    shared = max(1, int(least.max() + least.min()) // 2)
    if exponent is None and bound + int(np.abs(shared - least).max()) <= LARGEST_GUARDED:
        mantissa, exponent, decay = 2 * (shared - least) - 1, FRACTION_BITS - 1, DECAY_ONE - 1
        note = "threshold unit, decay 4095 and a bias lowered by half a unit"
    else:
        mantissa, exponent, decay = shared - least, FRACTION_BITS, DECAY_ONE
        note = "threshold unit, decay 4096 (that the chip's register holds it is unverified)"
    whole = np.full(population.size, shared)
    return Registers(whole, np.full(population.size, decay), mantissa, exponent, False, note)


def _lif(asked: Asked, neuron: LIF) -> Registers:
    chip, population = asked.chip, asked.population
    if neuron.reset_mode != "value" or neuron.reset.any():
        raise Refused(
            f"{chip.name}: {population.name}: reset {neuron.reset_mode}"
            f"{' to other values than 0' if neuron.reset_mode == 'value' else ''}; stock neurons "
            "reset to 0; use loihi2 or lava"
        )
    if (neuron.threshold % CURRENT_UNIT).any():
        raise Refused(
            f"{chip.name}: {population.name}: thresholds of fractions of a weight unit; stock "
            f"neurons compare with multiples of {CURRENT_UNIT}; use loihi2 or lava"
        )
    mantissa, exponent = _bias(population.bias.astype(np.int64), asked)
    threshold = neuron.threshold.astype(np.int64) // CURRENT_UNIT
    if threshold.min() < 1:
        raise _refused(
            chip, population, f"a threshold of {threshold.min()}", 1, "use a positive threshold"
        )
    return Registers(
        threshold, neuron.decay.astype(np.int64), mantissa, exponent, False, "stock LIF"
    )


def _integrator(asked: Asked, neuron: Integrator) -> Registers:
    del neuron
    population = asked.population
    bias = population.bias.astype(np.int64) * CURRENT_UNIT
    return _readout(asked, np.zeros(population.size, dtype=np.int64), bias)


def _leaky_integrator(asked: Asked, neuron: LeakyIntegrator) -> Registers:
    return _readout(asked, neuron.decay.astype(np.int64), asked.population.bias.astype(np.int64))


def _readout(asked: Asked, decay: np.ndarray, bias: np.ndarray) -> Registers:
    """A membrane that never passes the largest threshold.

    Args:
        asked: what the read-out's registers are chosen for.
        decay: decay of its membrane, int64 [neuron].
        bias: bias in membrane units, int64 [neuron].
    """
    population, chip, sums = asked.population, asked.chip, asked.sums
    reach = int(
        (sums - (-np.abs(bias) // CURRENT_UNIT)).max()
    )  # the bias in weight units, rounded up
    limit = chip.need("threshold")
    if asked.timesteps * reach > limit:
        raise _refused(
            chip,
            population,
            f"logits may reach {asked.timesteps * reach}",
            limit,
            "use fewer bits or timesteps",
        )
    mantissa, exponent = _bias(bias, asked)
    never = np.full(population.size, limit)
    return Registers(never, decay, mantissa, exponent, True, "stock LIF that never fires")


MODELS: dict[type[NeuronModel], Callable[..., Registers]] = {
    Threshold: _threshold,
    LIF: _lif,
    Integrator: _integrator,
    LeakyIntegrator: _leaky_integrator,
}
"""The models that stock neurons can be."""


def _bias(bias: np.ndarray, asked: Asked) -> tuple[np.ndarray, int]:
    """Mantissas and the exponent that give biases in membrane units exactly."""
    limit = asked.chip.need("bias_mantissa")
    for exponent in asked.exponents:
        mantissa = bias >> exponent
        exact = np.array_equal(mantissa << exponent, bias)
        if exact and np.abs(mantissa).max(initial=0) <= limit:
            return mantissa, exponent
    raise _refused(
        asked.chip,
        asked.population,
        f"biases up to {int(np.abs(bias).max())} membrane units that no "
        f"mantissa and exponent hold exactly; mantissa",
        limit,
        "use fewer bits",
    )


def _refused(chip: Chip, population: Population, need: str, limit: int, way_out: str) -> Refused:
    return Refused(f"{chip.name}: {population.name}: {need}; limit {limit}; {way_out}")
