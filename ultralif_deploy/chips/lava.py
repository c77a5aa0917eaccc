"""What Lava's stock neurons hold, for each flavour of exported folder that uses them."""

from dataclasses import replace

from ultralif_deploy.chips import Chip, chip
from ultralif_deploy.chips.registers import Registers, registers
from ultralif_deploy.program.fixed import FRACTION_BITS
from ultralif_deploy.program.program import Population, Program

PROFILES = {"netx": 1}
"""Most different pairs of threshold and decay in a layer, if a flavour has fewer than the chip."""

EXPONENTS = {"netx": FRACTION_BITS}
"""Exponent of all biases, if a flavour fixes it."""


def stock_chip(flavour: str) -> Chip:
    """Loihi 1 under the name of a flavour, with the flavour's own limits."""
    base = chip("loihi1")
    profiles = PROFILES.get(flavour, base.need("profiles"))
    return replace(base, name=flavour, limits=base.limits | {"profiles": profiles})


def stock_registers(program: Program, population: Population, flavour: str) -> Registers:
    """Registers of a population's stock neurons.

    Args:
        program: program that holds the population.
        population: population to express.
        flavour: flavour of the folder: lava, lava-loihi1 or netx.

    Raises:
        Refused: there are none.
    """
    return registers(program, population, stock_chip(flavour), EXPONENTS.get(flavour))
