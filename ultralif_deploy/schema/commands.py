"""What the smaller commands give with --json."""

from typing import Annotated, Literal, NotRequired, TypedDict

from ultralif_deploy.schema.energy import Counts, Energy
from ultralif_deploy.schema.report import Finding, Parameter, ProgramSize, Setting
from ultralif_deploy.schema.values import Count, Fraction, Rate, Sha256


class EpochFigures(TypedDict):
    """An epoch of annealing; accuracies are on held-out training samples."""

    epoch: Annotated[Count, "its number, from 1"]
    loss: Annotated[float, "the mean over the epoch"]
    epsilon: Annotated[float, "mean ε at which it ran"]
    soft_accuracy: Annotated[Fraction, "at the learned ε"]
    hard_accuracy: Annotated[Fraction, "at ε = 0"]
    spike_rate: Annotated[Rate, "of the hard network"]


class Annealed(TypedDict):
    """Of `anneal`."""

    annealing: Annotated[str, "how, in words"]
    epochs: Annotated[list[EpochFigures], "those that ran now"]
    output: Annotated[str, "the file"]


class ShownProgram(TypedDict):
    """Of `quantize`, and of `inspect` for a program."""

    program: Annotated[ProgramSize, "its size"]
    assumed: Annotated[dict[str, Setting], "every setting and where it came from"]
    parameters_stored: NotRequired[Annotated[list[Parameter], "meant and stored, of a network"]]
    findings: NotRequired[Annotated[list[Finding], "what to know, of a network"]]
    output: NotRequired[Annotated[str, "the file that was written"]]


class Export(TypedDict):
    """A file of a form of the program."""

    target: Annotated[str, "its form"]
    file: Annotated[str, "its path"]
    sha256: Annotated[Sha256, "of the file"]


class Exported(TypedDict):
    """Of `export`."""

    exports: Annotated[list[Export], "every file"]


class Simulated(TypedDict):
    """Of `simulate`."""

    logits: Annotated[list[list[int]], "by sample and class"]
    predictions: Annotated[list[int], "class of the largest logit, by sample"]
    accuracy: Annotated[Fraction | None, "null without labels"]
    counts: Annotated[Counts, "events of all samples"]
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


class BackEndState(TypedDict):
    """Whether a back end can run here."""

    available: Annotated[bool, "whether it can"]
    tool: Annotated[str | None, "that is missing"]
    install: Annotated[str | None, "the command that installs it"]


class Diagnosis(TypedDict):
    """Of `doctor`."""

    ultralif_deploy: Annotated[str, "version of the tool"]
    backends: Annotated[dict[str, BackEndState], "by name"]


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


Group = Literal["accuracy", "spike rate", "spikes", "operations", "energy", "placement", "size"]
Groups = TypedDict(
    "Groups",
    {
        "accuracy": Annotated[dict[str, ComparedFigure], "fractions; the gap in percentage points"],
        "spike rate": Annotated[dict[str, ComparedFigure], "by population"],
        "spikes": Annotated[dict[str, ComparedFigure], "of one inference"],
        "operations": Annotated[dict[str, ComparedFigure], "of one inference"],
        "energy": Annotated[dict[str, ComparedFigure], "joules of one inference by device"],
        "placement": Annotated[dict[str, ComparedFigure], "cores and chips"],
        "size": Annotated[dict[str, ComparedFigure], "of the program"],
    },
)


class ComparedReports(Groups):
    """Of `compare`."""

    files: Annotated[list[str], "that were read, two"]
    conditions: Annotated[dict[str, list[str]], "that differ, in words, by name"]
