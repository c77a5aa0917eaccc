"""Bits of the spikes that hidden populations send."""

from collections.abc import Iterable, Mapping

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import MAX_LEVELS
from ultralif_deploy.program.weight_format import of_each

MAX_SPIKE_BITS = (MAX_LEVELS + 1).bit_length() - 1
"""The most bits per spike that a program can hold."""

SpikeBits = int | Mapping[str, int]
"""What users choose: 1 to 4 for all populations that spike, or one for each by name."""


def spike_bits_of(bits: SpikeBits, names: Iterable[str]) -> dict[str, int]:
    """Bits of the spikes of each population.

    Args:
        bits: for all, or for each population by name.
        names: names of the populations that spike.

    Raises:
        UltralifError: a population without bits, bits without their population, or bits that do
            not exist.
    """
    expected = f"1 to {MAX_SPIKE_BITS}"
    found = of_each(bits, names, "spike bits", expected)
    for name, one in found.items():
        if not isinstance(one, int) or isinstance(one, bool) or not 1 <= one <= MAX_SPIKE_BITS:
            of = f" of {name!r}" if isinstance(bits, Mapping) else ""
            raise UltralifError(f"spike bits{of} = {one!r:.40}; expected {expected}")
    return found


def spike_bits_text(bits: SpikeBits) -> str:
    """The bits as on the command line: `3`, or `neuron1=3,neuron2=1`."""
    if isinstance(bits, Mapping):
        return ",".join(f"{name}={one}" for name, one in bits.items())
    return str(bits)
