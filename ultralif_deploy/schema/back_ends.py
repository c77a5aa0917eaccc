"""Back ends compared with the reference, and the forms that were written."""

from typing import Annotated, Literal, NotRequired, TypedDict

from ultralif_deploy.schema.values import Bytes, Count, Fraction, Nanoseconds, Sha256


class PlacedPopulation(TypedDict):
    """A population on a chip, described by the figures of its fullest core."""

    cores: Annotated[Count, "that hold it"]
    core_numbers: Annotated[list[Count], "of these cores, from 0 over all chips, in rows of tiles"]
    neurons_per_core: Annotated[Count, "at most"]
    memory_bits: Annotated[Count, "of synapses and state"]
    memory_share: Annotated[Fraction, "of a core's memory for synapses"]
    input_axons: Annotated[Count, "that enter"]
    output_axons: Annotated[Count, "that leave"]
    depth: Annotated[Count, "timesteps by which it acts later than the input"]


class Placement(TypedDict):
    """A program on a chip."""

    chip: Annotated[str, "its name"]
    chips: Annotated[Count, "in use"]
    cores_per_chip: Annotated[Count, "that one chip has"]
    cores: Annotated[Count, "in use"]
    worst_core: Annotated[str, "the population with the fullest core"]
    populations: Annotated[dict[str, PlacedPopulation], "by name"]
    delays: Annotated[dict[str, Count], "timesteps of synapses that wait, by projection"]


class Activity(TypedDict):
    """Events on a chip in all runs together."""

    samples: Annotated[Count, "that ran"]
    synaptic_operations: Annotated[Count, "in all"]
    synaptic_operations_of_worst_core: Annotated[Count, "of the core with the most"]
    updates_active: Annotated[Count, "with a synaptic sum that is not 0, or a spike"]
    updates_inactive: Annotated[Count, "all others"]
    messages: Annotated[Count, "a spike to one core"]
    hops: Annotated[Count, "between routers of tiles"]
    messages_between_chips: Annotated[Count, "whose hops are not counted"]
    chip_timesteps: Annotated[Count, "of the chip, those of the pipeline's depth among them"]
    mean_timestep_ns: Annotated[Nanoseconds | None, "null where no times are published"]
    longest_timestep_ns: Annotated[Nanoseconds | None, "null where no times are published"]


class Instructions(TypedDict):
    """Instructions of an inference on an emulated core."""

    mean: Annotated[float, "over the samples counted"]
    most: Annotated[Count, "of the samples counted"]
    samples: Annotated[Count, "whose instructions were counted: the first ones"]


class Facts(TypedDict):
    """Facts about the executable form of a back end; each back end has other facts, some none."""

    placement: NotRequired[Annotated[Placement, "loihi1, loihi2: neurons on cores"]]
    models: NotRequired[Annotated[dict[str, str], "loihi1, loihi2: neuron model by population"]]
    activity: NotRequired[Annotated[Activity, "loihi1, loihi2: what the chip did"]]
    torch: NotRequired[Annotated[str, "torch, torch-cuda: version of torch"]]
    device: NotRequired[Annotated[str, "torch, torch-cuda: cpu, or the name of the GPU"]]
    ram_bytes: NotRequired[Annotated[Bytes, "c, c-…: of state"]]
    code_bytes: NotRequired[Annotated[Bytes, "c: of code, compiled for size; c-…: for speed"]]
    const_bytes: NotRequired[Annotated[Bytes, "c, c-…: of constants"]]
    flash_bytes: NotRequired[Annotated[Bytes, "c, c-…: of code and constants"]]
    stack_bytes: NotRequired[Annotated[Bytes, "c-…: of stack, to the deepest write"]]
    instructions: NotRequired[Annotated[Instructions, "c-…: of an inference"]]
    opset: NotRequired[Annotated[Count, "onnx: version of the operators"]]
    model_bytes: NotRequired[Annotated[Bytes, "onnx, qonnx: of the file that runs"]]
    qonnx: NotRequired[Annotated[str, "qonnx: version of the package"]]
    simulator: NotRequired[Annotated[str, "verilog: verilator or iverilog"]]
    lanes: NotRequired[Annotated[dict[str, Count], "verilog: neurons computed at once"]]
    accumulator_bits: NotRequired[Annotated[dict[str, Count], "verilog: by population"]]
    rom_bits: NotRequired[Annotated[Count, "verilog: of weights and parameters"]]
    cycles_mean: NotRequired[Annotated[float, "verilog: clock cycles of an inference"]]
    cycles_max: NotRequired[Annotated[Count, "verilog: of the slowest inference"]]
    processes: NotRequired[Annotated[dict[str, str], "Lava: process by population"]]


class BackEnd(TypedDict):
    """A back end that ran."""

    exact: Annotated[bool, "same weights, spikes, logits and counts as the reference"]
    samples: Annotated[Count, "compared"]
    difference: Annotated[str | None, "the first difference in words; null where it is exact"]
    facts: Annotated[Facts, "about its executable form"]


class NotRun(TypedDict):
    """A back end that did not run."""

    why: Annotated[Literal["refused", "missing"], "it cannot be exact, or a tool is missing"]
    message: Annotated[str, "the reason in one sentence"]
    install: Annotated[str | None, "the command that installs the tool; null where there is none"]


class Form(TypedDict):
    """A form of the program that was written."""

    sha256: Annotated[dict[str, Sha256], "of its files, by path"]
    bytes: Annotated[Bytes, "of the program's own files together"]


class Exports(TypedDict):
    """Forms of the program."""

    written: Annotated[dict[str, Form], "by target"]
    refused: Annotated[dict[str, str], "by target, why, in one sentence"]


class Compared(TypedDict):
    """All back ends."""

    backends: Annotated[dict[str, BackEnd], "those that ran, by name"]
    backends_not_run: Annotated[dict[str, NotRun], "the others, by name"]
    exports: Annotated[Exports, "forms of the program"]
