"""sweep.json, version 1: deployments with options that vary."""

from typing import Annotated, TypedDict

from ultralif_deploy.schema.values import (
    Count,
    Fraction,
    Interval,
    Joules,
    Points,
    Seconds,
    Sha256,
    Verdict,
)

Varied = str | int | float | bool | None


class SweptPart(TypedDict):
    """A point on the FPGA that --part names; figures are null where it cannot be there."""

    part: Annotated[str, "name of the part"]
    refused: Annotated[str | None, "why it cannot be there; null where it can"]
    luts: Annotated[Count | None, "tables of four inputs"]
    flip_flops: Annotated[Count | None, "in use"]
    block_rams: Annotated[Count | None, "in use"]
    dsps: Annotated[Count | None, "multipliers in use"]
    fmax_hz: Annotated[float | None, "highest clock frequency, by nextpnr's estimate"]
    latency_s: Annotated[Seconds | None, "of one inference at that frequency"]


class SweptPoint(TypedDict):
    """A point that was deployed; figures are those of its report.json."""

    values: Annotated[dict[str, Varied], "of the options that vary"]
    verdict: Annotated[Verdict, "of its report"]
    accuracy: Annotated[Fraction | None, "of the integer program; null without labels"]
    soft: Annotated[Fraction | None, "of what the integers are compared with"]
    gap: Annotated[Points | None, "soft minus integer"]
    gap_ci95: Annotated[Interval | None, "95 % interval of the gap"]
    synaptic_operations: Annotated[float, "of one inference, the mean over the samples"]
    weight_bytes: Annotated[Count, "of the stored weights"]
    joules: Annotated[dict[str, Joules | None], "of one inference by device; null: no figure"]
    latency_s: Annotated[dict[str, Seconds | None], "of one inference by chip; null: no figure"]
    fpga: Annotated[SweptPart | None, "with --part; null without"]
    on_front: Annotated[bool, "no other point is as accurate for less energy and memory"]
    best: Annotated[bool, "what --deploy-best takes"]


class Sweep(TypedDict):
    """Deployments of one checkpoint, with options that vary."""

    version: Annotated[int, "of this format, 1"]
    ultralif_deploy: Annotated[str, "version of the tool"]
    checkpoint: Annotated[str, "name of its file"]
    checkpoint_sha256: Annotated[Sha256, "of the file"]
    data: Annotated[str, "name of the data set"]
    split: Annotated[str, "samples that were measured"]
    samples: Annotated[Count, "that were measured"]
    device: Annotated[str | None, "whose joules decide the front; null without any figure"]
    within: Annotated[Points, "points of accuracy that the best point may lose to the highest"]
    vary: Annotated[dict[str, list[Varied]], "values of the options that vary"]
    points: Annotated[dict[str, SweptPoint], "by name, which is the name of the folder too"]
    refused: Annotated[dict[str, str], "points that cannot be deployed, and why"]
