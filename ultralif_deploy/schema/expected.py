"""How a deployment compares with the spikes that the user's framework computed."""

from typing import Annotated, TypedDict

from ultralif_deploy.schema.matching import FirstDifference
from ultralif_deploy.schema.values import Count, Sha256


class ExpectedPopulation(TypedDict):
    """A population whose spikes are expected."""

    spikes: Annotated[Count, "expected"]
    float: Annotated[Count | None, "values of the float network that differ; null: it did not run"]
    integer: Annotated[Count, "values of the integer program that differ"]


class ExpectedSpikes(TypedDict):
    """What is expected, beside the float network and the integer program."""

    file: Annotated[str, "its name"]
    sha256: Annotated[Sha256, "of the file"]
    samples: Annotated[Count, "compared"]
    populations: Annotated[dict[str, ExpectedPopulation], "by name"]
    float_logits: Annotated[Count | None, "of the float network that differ; null without any"]
    first: Annotated[FirstDifference | None, "of the float network; null where nothing differs"]


class Beside(TypedDict, total=False):
    """The part of a report that only --expect adds."""

    expected: Annotated[ExpectedSpikes, "with --expect, what the user's framework computed"]


class CertifiedSpikes(TypedDict):
    """Expected spikes of the certified samples, of the neurons that the program holds."""

    file_sha256: Annotated[Sha256, "of the user's file"]
    spikes_sha256: Annotated[dict[str, Sha256], "of the spikes in vectors.npz, by population"]
    float: Annotated[dict[str, Count], "values of the float network that differ, by population"]
    integer: Annotated[dict[str, Count], "values of the integer program that differ"]
