"""certificate.json, version 2."""

from typing import Annotated, Literal, NotRequired, TypedDict

from ultralif_deploy.schema.back_ends import NotRun
from ultralif_deploy.schema.backbone import CertifiedBackbone
from ultralif_deploy.schema.expected import CertifiedSpikes
from ultralif_deploy.schema.values import Count, Sha256


class CertifiedProgram(TypedDict):
    """The program as a file."""

    file: Annotated[Literal["program.nir"], "its name"]
    file_sha256: Annotated[Sha256, "of the file"]
    weights_sha256: Annotated[Sha256, "of the arrays that are executed"]


class Vectors(TypedDict):
    """Golden vectors."""

    file: Annotated[Literal["vectors.npz"], "its name"]
    inputs_sha256: Annotated[Sha256, "of the input spikes"]


class Record(TypedDict):
    """What is claimed of a back end."""

    artefacts_sha256: Annotated[dict[str, Sha256], "of the exported files that ran, by path"]
    weights_sha256: Annotated[Sha256, "of the arrays, read back from the executable form"]
    inputs_sha256: Annotated[Sha256, "of the input spikes"]
    traces_sha256: Annotated[dict[str, Sha256], "of `logits`, and of spikes by population"]
    samples: Annotated[Count, "compared"]
    exact: Annotated[bool, "whether all is equal to the reference"]


class Certificate(TypedDict):
    """Proof that every back end executes the same program alike."""

    version: Annotated[Literal[2], "of this format"]
    program: Annotated[CertifiedProgram, "what was executed"]
    vectors: Annotated[Vectors, "on which inputs"]
    backends: Annotated[dict[str, Record], "those that ran, by name"]
    expected: NotRequired[
        Annotated[CertifiedSpikes, "with --expect, what the user's framework computed"]
    ]
    backbone: NotRequired[Annotated[CertifiedBackbone, "with --backbone, what stands in front"]]
    lanes: NotRequired[
        Annotated[Count, "with --lanes, neurons that the exported hardware computes at once"]
    ]
    not_run: Annotated[dict[str, NotRun], "those that could not run, by name"]
    not_compared: Annotated[list[str], "names of those that were not asked for"]
    files: Annotated[dict[str, Sha256], "of all files that the run wrote, by path; not this one"]
