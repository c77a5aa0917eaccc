"""What `ultralif match` gives: the readings of a NIR file beside what its framework computed."""

from typing import Annotated, TypedDict

from ultralif_deploy.schema.values import Count, Sha256


class FirstDifference(TypedDict):
    """The earliest value that a reading does not reproduce."""

    population: Annotated[str | None, "of the neuron; null for a logit"]
    sample: Annotated[Count, "number of it"]
    timestep: Annotated[Count | None, "null for a logit"]
    neuron: Annotated[Count, "number of it; the class of a logit"]
    expected: Annotated[float, "spikes in the file of the user, or the logit"]
    found: Annotated[float, "spikes of this reading, or its logit"]
    membrane: Annotated[float | None, "in this reading before the reset, seen from its rest"]
    threshold: Annotated[float | None, "that it is compared with, seen from the same rest"]


class Reading(TypedDict):
    """One way to read the file."""

    options: Annotated[str, "that give it, to copy"]
    conventions: Annotated[dict[str, str | float | int | None], "answers by question"]
    differing: Annotated[Count, "spikes and logits that differ from the file of the user"]
    first: Annotated[FirstDifference | None, "null where nothing differs"]


class Matched(TypedDict):
    """Readings that reproduce everything expected, or the nearest ones."""

    file: Annotated[str, "the NIR file"]
    expected: Annotated[str, "the file with the expected spikes"]
    expected_sha256: Annotated[Sha256, "of that file"]
    samples: Annotated[Count, "compared"]
    timesteps: Annotated[Count, "of each"]
    compared: Annotated[dict[str, Count], "expected spikes by population"]
    logits: Annotated[bool, "whether logits were compared too"]
    open: Annotated[dict[str, list[str | float | int | None]], "answers tried by open question"]
    readings: Annotated[Count, "combinations of answers"]
    exact: Annotated[list[Reading], "that reproduce everything, the one nearest to defaults first"]
    nearest: Annotated[list[Reading], "where none is exact, those that differ least"]
