"""What a program takes on an FPGA."""

from typing import Annotated, TypedDict

from ultralif_deploy.schema.values import Count


class Cycles(TypedDict):
    """Clock cycles of inferences, counted in a simulation."""

    samples: Annotated[Count, "that ran"]
    mean: Annotated[float, "from the first event to the last logit"]
    max: Annotated[Count, "of the slowest inference"]
    apart: Annotated[float, "mean from one inference to the next, where samples follow at once"]


class Synthesized(TypedDict):
    """Of `synthesize`. Figures of the design with its serial interface of 10 pins."""

    part: Annotated[str, "name of the part"]
    device: Annotated[str, "device and package"]
    lanes: Annotated[dict[str, Count], "neurons computed at once, by population"]
    rom_bits: Annotated[Count, "of weights and parameters"]
    luts: Annotated[Count, "tables of four inputs, by yosys"]
    flip_flops: Annotated[Count, "by yosys"]
    block_rams: Annotated[Count, "by yosys"]
    dsps: Annotated[Count, "multipliers, by yosys"]
    logic_cells: Annotated[Count, "in use after packing, by nextpnr"]
    used: Annotated[dict[str, Count], "cells in use, by nextpnr's names"]
    available: Annotated[dict[str, Count], "such cells on the part"]
    fmax_hz: Annotated[float, "highest clock frequency, by nextpnr's estimate"]
    cycles: Annotated[Cycles | None, "null without data"]
    latency_s: Annotated[float | None, "mean cycles at that frequency; null without data"]
    inferences_per_s: Annotated[float | None, "samples that follow at once; null without data"]
    tools: Annotated[dict[str, str], "versions"]
