"""stress.json, version 1: the accuracy of a program under faults."""

from typing import Annotated, Literal, TypedDict

from ultralif_deploy.schema.report import Data, Setting
from ultralif_deploy.schema.values import Count, Fraction, Sha256, Shares

Place = Literal["inputs", "weights"]


class Undisturbed(TypedDict):
    """The program without faults, on the same samples and input spikes."""

    accuracy: Annotated[Fraction, "of the samples"]
    ci95: Annotated[Shares, "95 % interval, of the samples"]


class StressLevel(TypedDict):
    """A fault at one level; figures are null if no repeat could run."""

    level: Annotated[Fraction, "as given"]
    amount: Annotated[float, "what the level is for this program, in the fault's unit"]
    accuracies: Annotated[list[Fraction], "of each repeat that ran"]
    accuracy: Annotated[Fraction | None, "their mean"]
    spread: Annotated[Fraction | None, "their standard deviation; null below two repeats"]
    ci95: Annotated[Shares | None, "95 % interval of the mean, of samples and repeats"]
    refused: Annotated[Count, "repeats whose sums might pass 32 bits; they were not run"]


class StressFault(TypedDict):
    """A fault at all of its levels."""

    place: Annotated[Place, "where it strikes"]
    meaning: Annotated[str, "what happens, in words"]
    unit: Annotated[str, "of the amounts: `of the …` for shares, otherwise a word in the singular"]
    within_a_point: Annotated[
        Fraction | None,
        "level up to which every mean stays within a point of the undisturbed accuracy; null: none",
    ]
    levels: Annotated[list[StressLevel], "the lowest first"]


class StressedProgram(TypedDict):
    """What was disturbed."""

    file: Annotated[str, "its name"]
    sha256: Annotated[Sha256, "of the file"]
    weight_formats: Annotated[dict[str, str], "2 to 8 bits or `ternary`, by target population"]
    weights: Annotated[Count, "stored"]
    largest_input: Annotated[Count, "1 for spikes"]


class Stress(TypedDict):
    """Accuracy of a program under faults, level by level."""

    version: Annotated[int, "of this format, 1"]
    ultralif_deploy: Annotated[str, "version of the tool"]
    program: Annotated[StressedProgram, "what was disturbed"]
    data: Annotated[Data, "samples, and how they became spikes"]
    seed: Annotated[Count, "of the faults"]
    repeats: Annotated[Count, "of every level, each with faults of its own"]
    undisturbed: Annotated[Undisturbed, "the program without faults"]
    faults: Annotated[dict[str, StressFault], "by name"]
    assumed: Annotated[dict[str, Setting], "settings that a program does not hold"]
