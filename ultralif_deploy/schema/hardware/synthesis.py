"""A program on an FPGA: resources, clock, latency, activity, and published designs beside it."""

from typing import Annotated, TypedDict

from ultralif_deploy.schema.values import Count, Fraction, Mean, Seconds


class Cycles(TypedDict):
    """Clock cycles of inferences, counted in a simulation."""

    samples: Annotated[Count, "that ran"]
    mean: Annotated[float, "from the first event to the last logit"]
    max: Annotated[Count, "of the slowest inference"]
    apart: Annotated[float, "mean from one inference to the next, where samples follow at once"]


class LayerActivity(TypedDict):
    """What a population did, counted in a simulation of samples that follow at once."""

    spikes: Annotated[Mean, "that it sent; 0 for the read-out"]
    weight_words: Annotated[Mean, "that it read and added, each a weight for every lane"]
    busy: Annotated[Fraction, "of all cycles, those in which it added weights or updated neurons"]


class HardwareActivity(TypedDict):
    """Counted events of the design. It is no energy: no tool here computes the power."""

    input_events: Annotated[Mean, "values of the input other than 0"]
    synaptic_operations: Annotated[Mean, "of weights, those that are 0 left out"]
    populations: Annotated[dict[str, LayerActivity], "by name"]


class PublishedDesign(TypedDict):
    """A design of others on an FPGA, as published."""

    network: Annotated[str, "that it runs"]
    device: Annotated[str, "that it was implemented on"]
    resources: Annotated[str, "in the words of its authors"]
    latency_s: Annotated[Seconds, "of an inference"]
    power_w: Annotated[float | None, "during an inference; null where the abstract states none"]
    source: Annotated[str, "where it was published"]
    unlike: Annotated[str, "what is not like for like"]


class Synthesized(TypedDict):
    """A design with its serial interface of 10 pins on a part that it fits."""

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
    activity: Annotated[HardwareActivity | None, "null without data"]
    published: Annotated[dict[str, PublishedDesign], "designs of others, by name"]
    tools: Annotated[dict[str, str], "versions"]


class OnPart(TypedDict):
    """The exported Verilog on the part that --part names."""

    part: Annotated[str, "name of the part"]
    device: Annotated[str, "device and package"]
    refused: Annotated[str | None, "why it cannot be there, in one sentence; null where it can"]
    synthesized: Annotated[Synthesized | None, "figures; null where it was refused"]


class OnHardware(TypedDict, total=False):
    """The part of a report that only --part adds."""

    hardware: Annotated[OnPart, "with --part, the program on an FPGA"]
