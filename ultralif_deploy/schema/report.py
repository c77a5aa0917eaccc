"""report.json, version 2."""

from typing import Annotated, Literal, TypedDict

from ultralif_deploy.schema.back_ends import Compared
from ultralif_deploy.schema.backbone import InFront
from ultralif_deploy.schema.choices import Choices
from ultralif_deploy.schema.energy import Energy
from ultralif_deploy.schema.expected import Beside
from ultralif_deploy.schema.hardware.synthesis import OnHardware
from ultralif_deploy.schema.measured import Measured
from ultralif_deploy.schema.training import Trajectory
from ultralif_deploy.schema.values import Bits, Count, Error, Severity, Sha256, Verdict


class Setting(TypedDict):
    """A setting that the file does not hold, or that an option changes."""

    value: Annotated[str | int | float | bool, "that was taken"]
    source: Annotated[str, "option, checkpoint, file name, data, default …"]


class Finding(TypedDict):
    """A finding that a reader must know before trusting the program."""

    kind: Annotated[str, "a key that tools can look for"]
    text: Annotated[str, "what was found, in one sentence"]
    remedy: Annotated[str, "an option or a command; empty where none is known"]
    severity: Annotated[Severity, "a note, a warning, or a failure"]


class Parameter(TypedDict):
    """The intended and the stored value of a parameter, at the entry with the largest error."""

    name: Annotated[str, "of the population, or `source->target`"]
    parameter: Annotated[str, "in the field's words"]
    meant: Annotated[float, "real value of the network"]
    stored: Annotated[float, "real value of the program"]
    error: Annotated[Error, "|meant − stored|, the largest of all entries"]
    relative: Annotated[Error, "share of the largest weight, the threshold or the value itself"]
    bound: Annotated[Error | None, "of `relative`, above which a finding is due; null is none"]
    neuron: Annotated[Count | None, "that has the entry; null for a delay"]


class Judgement(TypedDict):
    """The verdict and the reasons for it."""

    verdict: Annotated[Verdict, "whether it deploys"]
    findings: Annotated[list[Finding], "the gravest first"]
    parameters: Annotated[list[Parameter], "what is stored of every parameter"]


_Pass = TypedDict("_Pass", {"pass": Annotated[str, "its name; `none` is before all passes"]})


class PassCosts(_Pass):
    """The network after a pass."""

    neurons: Annotated[Count, "of all populations"]
    parameters: Annotated[Count, "weights, gains and biases"]
    dense_operations: Annotated[Count, "of weights that are not 0, every value sent not 0"]


class Source(TypedDict):
    """What was deployed."""

    file: Annotated[str, "its name"]
    architecture: Annotated[str | None, "null where the file has no name for it"]


class Data(TypedDict):
    """Samples and how they became spikes."""

    name: Annotated[str, "of the data set"]
    test_split: Annotated[str, "where the test samples came from"]
    samples: Annotated[Count, "test samples"]
    timesteps: Annotated[Count, "of each sample"]
    encoding: Annotated[str, "rate, constant or events"]
    seed: Annotated[Count, "of drawn input spikes"]


class ProgramPopulation(TypedDict):
    """A population of the program."""

    name: Annotated[str, "unique"]
    neuron: Annotated[str, "its model"]
    size: Annotated[Count, "neurons"]
    weight_bits: Annotated[int | str, "of the weights into it: 2 to 8 or `ternary`"]
    current_bound: Annotated[Count, "largest synaptic sum and bias, proved from the weights"]


class ProgramProjection(TypedDict):
    """A projection of the program."""

    name: Annotated[str, "`source->target`"]
    source: Annotated[str, "name of a population, or `input`"]
    target: Annotated[str, "name of a population"]
    weights: Annotated[Count, "stored; 0 where the map has none"]
    map: Annotated[str, "Dense, Conv2d, Identity …"]
    delayed: Annotated[bool, "whether it acts one timestep later"]


class ProgramSize(TypedDict):
    """The integer program."""

    weight_bits: Annotated[
        int | str | dict[str, int | str], "2 to 8 or `ternary`; by population where they differ"
    ]
    bits_per_weight: Annotated[Bits, "that a weight carries"]
    parameters: Annotated[Count, "weights, biases, thresholds, leaks and resets as stored"]
    neurons: Annotated[Count, "of all populations"]
    timesteps: Annotated[Count, "of one inference"]
    input_size: Annotated[Count, "values of the input in a timestep"]
    input_maximum: Annotated[Count, "largest value of the input"]
    populations: Annotated[list[ProgramPopulation], "in the order of execution"]
    projections: Annotated[list[ProgramProjection], "in the order of execution"]


class Program(ProgramSize):
    """The integer program and its file."""

    file: Annotated[str, "program.nir"]
    sha256: Annotated[Sha256, "of the file"]


class Report(Measured, Compared, Judgement, Trajectory, Choices, Beside, InFront, OnHardware):
    """Everything that `ultralif deploy`, `verify` or `demo` found out."""

    version: Annotated[Literal[2], "of this format"]
    ultralif_deploy: Annotated[str, "version of the tool"]
    command: Annotated[str | None, "that asked for it; null from Python"]
    source: Annotated[Source, "what was deployed"]
    annealing: Annotated[str, "how it was annealed; `none` where it was not"]
    passes: Annotated[list[PassCosts], "the network after each pass"]
    energy: Annotated[Energy, "counted events, and joules by device"]
    assumed: Annotated[dict[str, Setting], "every setting and where it came from"]
    data: Annotated[Data, "samples"]
    program: Annotated[Program, "the integer program"]
