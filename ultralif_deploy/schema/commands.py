"""What the commands give with --json."""

from typing import Annotated, Literal, NotRequired, TypedDict

from ultralif_deploy.schema.back_ends import Instructions
from ultralif_deploy.schema.choices import Choices
from ultralif_deploy.schema.energy import Counts, Energy
from ultralif_deploy.schema.exits import Exits
from ultralif_deploy.schema.expected import Beside
from ultralif_deploy.schema.hardware.synthesis import Synthesized
from ultralif_deploy.schema.matching import Matched
from ultralif_deploy.schema.report import Finding, Parameter, ProgramSize, Setting
from ultralif_deploy.schema.studies.stress import Stress
from ultralif_deploy.schema.studies.sweep import Sweep
from ultralif_deploy.schema.training import EpochFigures, TrainedEpoch
from ultralif_deploy.schema.values import Count, Fraction, Rate, Sha256


class Layer(TypedDict):
    """A layer of a checkpoint."""

    name: Annotated[str, "of its population"]
    inputs: Annotated[Count, "that it takes; channels, where it convolves"]
    outputs: Annotated[Count, "its neurons; channels, where it convolves"]
    kernel: NotRequired[Annotated[list[Count], "of a soft layer; empty where it is dense"]]
    batch_norm: Annotated[bool, "whether it has batch norm"]
    neuron: Annotated[str | None, "class of its neurons; null for a read-out without any"]
    learned: Annotated[dict[str, float], "mean of every learned parameter"]
    epsilon: Annotated[float | None, "mean temperature; null where neurons are hard"]


class CheckpointContent(TypedDict):
    """What a trained checkpoint holds."""

    file: Annotated[str, "its name"]
    architecture: Annotated[str, "in words"]
    widths: Annotated[list[Count], "by layer, input first; channels, where they convolve"]
    neuron: Annotated[str, "key of the neuron kind"]
    batch_norm: Annotated[bool, "whether layers have batch norm"]
    skip: Annotated[bool, "whether hidden layers have residual connections"]
    spiking_output: Annotated[bool, "whether the read-out spikes"]
    parameters: Annotated[Count, "that were learned"]
    layers: Annotated[list[Layer], "in the order of execution"]
    record: Annotated[dict[str, str | int | float | bool], "plain values that training stored"]


class Incoming(TypedDict):
    """A connection to a population."""

    source: Annotated[str, "where it comes from; a population or the input"]
    map: Annotated[str, "class of its linear map"]
    delayed: Annotated[bool, "whether it acts one timestep later"]


class PopulationContent(TypedDict):
    """A population of a NIR file."""

    name: Annotated[str, "of it"]
    neurons: Annotated[Count, "in it"]
    neuron: Annotated[str, "class of the model"]
    reset: Annotated[str | None, "how it is reset; null where the model has no choice"]
    incoming: Annotated[list[Incoming], "all that drives it"]


class NetworkContent(TypedDict):
    """What a NIR file of another tool holds."""

    file: Annotated[str, "its name"]
    inputs: Annotated[Count, "of the network"]
    populations: Annotated[list[PopulationContent], "in the order of execution"]


class WouldStore(TypedDict):
    """What quantization would make of a network."""

    assumed: Annotated[dict[str, Setting], "every setting and where it came from"]
    bits: Annotated[str, "of the weights, 2 to 8 or `ternary`"]
    parameters_stored: Annotated[list[Parameter], "meant and stored"]
    findings: Annotated[list[Finding], "what to know"]


class InspectedCheckpoint(CheckpointContent, WouldStore):
    """Of `inspect` for a checkpoint."""


class InspectedNetwork(NetworkContent, WouldStore):
    """Of `inspect` for a NIR file of another tool."""


class InspectedProgram(TypedDict):
    """Of `inspect` for a program."""

    file: Annotated[str, "its name"]
    program: Annotated[ProgramSize, "its size"]
    assumed: Annotated[dict[str, Setting], "its settings, which are in it"]


class Annealed(TypedDict):
    """Of `anneal`."""

    annealing: Annotated[str, "how, in words"]
    epochs: Annotated[list[EpochFigures], "those that ran now"]
    output: Annotated[str, "the file"]


TrainingState = Literal["trained", "resumed", "finished before"]


class Trained(TypedDict):
    """Of `train`."""

    state: Annotated[TrainingState, "whether all epochs ran now, those that were left, or none"]
    architecture: Annotated[str, "in words"]
    widths: Annotated[list[Count], "by layer, input first; channels, where they convolve"]
    parameters: Annotated[Count, "that were learned"]
    epochs: Annotated[list[TrainedEpoch], "all of them, those of earlier runs too"]
    best_epoch: Annotated[Count, "whose weights are kept, by soft accuracy on held-out samples"]
    test_accuracy: Annotated[Fraction | None, "of them, soft, on the test samples"]
    spike_rate: Annotated[Rate, "mean output of a layer on the test samples, soft"]
    assumed: Annotated[dict[str, Setting], "every setting and where it came from"]
    findings: Annotated[list[Finding], "what to know"]
    output: Annotated[str, "the file"]


class Quantized(Choices):
    """Of `quantize`."""

    program: Annotated[ProgramSize, "its size"]
    assumed: Annotated[dict[str, Setting], "every setting and where it came from"]
    parameters_stored: Annotated[list[Parameter], "meant and stored"]
    findings: Annotated[list[Finding], "what to know"]
    output: Annotated[str, "the file that was written"]


class Export(TypedDict):
    """A file of a form of the program."""

    target: Annotated[str, "its form"]
    file: Annotated[str, "its path"]
    sha256: Annotated[Sha256, "of the file"]


class Exported(TypedDict):
    """Of `export`."""

    exports: Annotated[list[Export], "every file"]


class Simulated(Beside):
    """Of `simulate`."""

    logits: Annotated[list[list[int]], "by sample and class"]
    predictions: Annotated[list[int], "class of the largest logit, by sample"]
    accuracy: Annotated[Fraction | None, "null without labels"]
    counts: Annotated[Counts, "events of all samples"]
    exits: NotRequired[Annotated[Exits, "with --exit, what samples need that stop early"]]
    findings: Annotated[list[Finding], "what to know"]
    assumed: Annotated[dict[str, Setting], "every setting and where it came from"]


class NetworkEnergy(Energy):
    """Of `energy` for a file that is not a program yet."""

    assumed: Annotated[dict[str, Setting], "every setting and where it came from"]


class Rechecked(TypedDict):
    """Of `verify --certificate`."""

    certificate: Annotated[str, "the file"]
    holds: Annotated[bool, "true; a certificate that does not hold ends the command"]
    samples: Annotated[dict[str, Count], "checked, by back end"]
    not_checked: Annotated[dict[str, str], "by back end, what is missing"]
    not_covered: Annotated[dict[str, str], "files and back ends that it says nothing of, and why"]
    signed_by: Annotated[str | None, "the public key by which it is signed; null if not checked"]
    signature_comment: Annotated[str | None, "the signature's trusted comment"]


class BackEndState(TypedDict):
    """Whether a back end, a tool of `synthesize`, or an optional package can run here."""

    available: Annotated[bool, "whether it can"]
    tool: Annotated[str | None, "that is missing"]
    install: Annotated[str | None, "the command that installs it"]


class Diagnosis(TypedDict):
    """Of `doctor`."""

    ultralif_deploy: Annotated[str, "version of the tool"]
    backends: Annotated[dict[str, BackEndState], "by name"]
    synthesis: Annotated[dict[str, BackEndState], "tools of `synthesize`, by name"]
    packages: Annotated[dict[str, BackEndState], "optional Python packages, by name"]


class DeviceConstant(TypedDict):
    """A published figure of a device."""

    value: Annotated[float | None, "in `unit`; null where nothing is published"]
    low: Annotated[float | None, "smallest figure that sources give"]
    high: Annotated[float | None, "largest figure that sources give"]
    unit: Annotated[str, "pJ, nJ, mW …"]
    covers: Annotated[str, "what is in it"]
    source: Annotated[str, "where it was published"]
    mark: Annotated[str, "V read in the source, S quoted by another; empty: none found"]


class DeviceFacts(TypedDict):
    """A device whose energy can be estimated."""

    description: Annotated[str, "what it is"]
    badge: Annotated[str, "how its figures came about"]
    not_covered: Annotated[str, "what its figures leave out"]
    published: Annotated[bool, "whether any figure is published"]
    chip: Annotated[str | None, "whose placed run it counts on; null for none"]
    constants: Annotated[dict[str, DeviceConstant], "by name"]


class DataSet(TypedDict):
    """A data set that has a name."""

    what: Annotated[str, "it is, with its licence"]
    place: Annotated[str | None, "where it lies on this machine; null where it was not found"]
    how: Annotated[str, "the line that gets it"]


class DataSets(TypedDict):
    """Of `data`."""

    searched: Annotated[list[str], "folders, in order"]
    datasets: Annotated[dict[str, DataSet], "by the name that --data takes"]


class DataWritten(TypedDict):
    """Of `data -o`."""

    file: Annotated[str, "path of the .npz file"]
    samples: Annotated[dict[str, list[int]], "shapes by the name of the array, as x_train"]


class Devices(TypedDict):
    """Of `devices`."""

    devices: Annotated[dict[str, DeviceFacts], "by the name that --energy-device takes"]


Side = Literal["first", "second"]


class Missing(TypedDict):
    """Why a report has no figure; null where it has one."""

    first: Annotated[str | None, "of the first report"]
    second: Annotated[str | None, "of the second report"]


class Intervals(TypedDict):
    """95 % intervals of a figure; null where a report has none."""

    first: Annotated[tuple[float, float] | None, "of the first report"]
    second: Annotated[tuple[float, float] | None, "of the second report"]


class ComparedFigure(TypedDict):
    """A figure of two reports; null where a report has none."""

    first: Annotated[float | None, "of the first report"]
    second: Annotated[float | None, "of the second report"]
    difference: Annotated[float | None, "second minus first"]
    ratio: NotRequired[Annotated[float | None, "second by first; missing for accuracies"]]
    missing: NotRequired[Annotated[Missing, "where a figure is null"]]
    ci95: NotRequired[Annotated[Intervals, "where a report has one"]]


Group = Literal[
    "accuracy", "spike rate", "spikes", "operations", "energy", "placement", "hardware", "size"
]
Groups = TypedDict(
    "Groups",
    {
        "accuracy": Annotated[dict[str, ComparedFigure], "fractions; the gap in percentage points"],
        "spike rate": Annotated[dict[str, ComparedFigure], "by population"],
        "spikes": Annotated[dict[str, ComparedFigure], "of one inference"],
        "operations": Annotated[dict[str, ComparedFigure], "of one inference"],
        "energy": Annotated[dict[str, ComparedFigure], "joules of one inference by device"],
        "placement": Annotated[dict[str, ComparedFigure], "cores and chips"],
        "hardware": Annotated[dict[str, ComparedFigure], "on an FPGA; empty without deploy --part"],
        "size": Annotated[dict[str, ComparedFigure], "of the program"],
    },
)


class ComparedReports(Groups):
    """Of `compare`."""

    files: Annotated[list[str], "that were read, two"]
    conditions: Annotated[dict[str, list[str]], "that differ, in words, by name"]


class FirmwareBuild(TypedDict):
    """A program on an emulated core, at one level of optimization."""

    core: Annotated[str, "name of its back end"]
    optimization: Annotated[str, "level of the compiler"]
    code_bytes: Annotated[Count, "of the program, and of the compiler's own library"]
    const_bytes: Annotated[Count, "weights and parameters"]
    flash_bytes: Annotated[Count, "code and constants"]
    ram_bytes: Annotated[Count, "state"]
    stack_bytes: Annotated[Count, "to the deepest write"]
    instructions: Annotated[Instructions, "of an inference"]


class Firmware(TypedDict):
    """Of `firmware`, which fails unless every spike of all samples equals the reference."""

    samples: Annotated[Count, "that ran on every core"]
    compilers: Annotated[dict[str, str], "name and version, by core"]
    builds: Annotated[list[FirmwareBuild], "by core, then by level"]


class Commands(TypedDict, total=False):
    """What a command prints with --json, under the name of the command.

    `demo`, `deploy` and `verify` print the content of report.json.
    """

    anneal: Annotated[Annealed, "the epochs that ran"]
    compare: Annotated[ComparedReports, "figures of two reports side by side"]
    data: Annotated[DataSets | DataWritten, "data sets that have a name, or the file written"]
    devices: Annotated[Devices, "devices and their published figures"]
    doctor: Annotated[Diagnosis, "what can run here"]
    energy: Annotated[Energy | NetworkEnergy, "events, and joules by device"]
    export: Annotated[Exported, "the files that were written"]
    firmware: Annotated[Firmware, "what a program takes on microcontrollers"]
    synthesize: Annotated[Synthesized, "what a program takes on an FPGA"]
    inspect: Annotated[
        InspectedCheckpoint | InspectedNetwork | InspectedProgram, "what the file holds"
    ]
    match: Annotated[Matched, "the readings that are exact, or the nearest"]
    quantize: Annotated[Quantized, "the program"]
    simulate: Annotated[Simulated, "logits, predictions and counts"]
    train: Annotated[Trained, "the epochs and the network that was kept"]
    stress: Annotated[Stress, "the content of stress.json"]
    sweep: Annotated[Sweep, "the content of sweep.json"]
    verify: Annotated[Rechecked, "with --certificate, what was checked"]
