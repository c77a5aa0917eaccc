"""Loihi's decays have twelve fraction bits, on stock neurons and in neuron programs alike."""

from ultralif_deploy.errors import Refused
from ultralif_deploy.fixed import DECAY_BITS
from ultralif_deploy.program import LEAKY, Population
from ultralif_deploy.simulators.chips import Chip


def refuse_wide_decays(population: Population, chip: Chip) -> None:
    """Check that a population's decays fit the registers.

    Raises:
        Refused: they have more bits.
    """
    neuron = population.neuron
    if isinstance(neuron, LEAKY) and neuron.decay_bits > DECAY_BITS:
        raise Refused(
            f"{chip.name}: {population.name}: decays of {neuron.decay_bits} bits; limit "
            f"{DECAY_BITS}; quantize with --decay-bits {DECAY_BITS}, and see the error in the "
            "table of parameters"
        )
