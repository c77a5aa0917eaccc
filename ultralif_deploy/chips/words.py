"""Word lengths that no neuron of Loihi has, neither stock neurons nor neuron programs."""

from ultralif_deploy.chips import Chip
from ultralif_deploy.errors import Refused
from ultralif_deploy.program.fixed import DECAY_BITS, FRACTION_BITS, MEMBRANE_BITS
from ultralif_deploy.program.program import Population


def refuse_wide_words(population: Population, chip: Chip) -> None:
    """Check that decays and membranes fit the registers, and that one spike is all that is sent.

    Raises:
        Refused: they do not.
    """
    neuron, where = population.neuron, f"{chip.name}: {population.name}"
    narrow = (
        f"quantize with --decay-bits {DECAY_BITS}, and see the error in the table of parameters"
    )
    widths = neuron.widths
    if widths.decay_bits > DECAY_BITS:
        raise Refused(f"{where}: decays of {widths.decay_bits} bits; limit {DECAY_BITS}; {narrow}")
    if (widths.membrane_bits, widths.fraction_bits) != (MEMBRANE_BITS, FRACTION_BITS):
        raise Refused(
            f"{where}: membranes of {widths.membrane_bits} bits with {widths.fraction_bits} "
            f"fraction bits; limits {MEMBRANE_BITS} and {FRACTION_BITS}; {narrow}"
        )
    most_spikes = neuron.structure().get("most_spikes", 1)
    if most_spikes > 1:
        raise Refused(
            f"{where}: up to {most_spikes} spikes of a neuron in one timestep; limit 1; "
            "train with one spike in a timestep, or use c, onnx or lava-custom"
        )
    if neuron.lower_bound is not None:
        raise Refused(
            f"{where}: a lower bound of the membrane; no register holds one; train without "
            "it, or use c, onnx or lava-custom"
        )
