"""The float network in front of a program, with --backbone."""

from typing import Annotated, TypedDict

from ultralif_deploy.schema.values import Count, Error, Joules, Sha256


class Backbone(TypedDict):
    """A float network whose features are the program's inputs. It is measured, not certified."""

    name: Annotated[str, "of its file, or of the module that it was made of"]
    sha256: Annotated[Sha256, "of backbone.onnx"]
    parameters: Annotated[Count, "float values that it stores"]
    multiply_accumulates: Annotated[Count, "of convolutions and matrix products, for one sample"]
    features: Annotated[Count, "of one sample"]
    smallest: Annotated[float, "feature that 8 bits hold"]
    largest: Annotated[float, "feature that 8 bits hold"]
    rounding: Annotated[Error, "largest error of a feature between them, over the test samples"]
    clipped: Annotated[Count, "features of the test samples beyond them, moved to the nearer one"]


class BackboneCosts(Backbone):
    """The same in a report, with the energy of its arithmetic."""

    arithmetic_j: Annotated[Joules, "per inference, of float32 multiply-accumulates alone"]
    source: Annotated[str, "of the figure for one of them"]


class InFront(TypedDict, total=False):
    """The part of a report that only --backbone adds."""

    backbone: Annotated[BackboneCosts, "with --backbone, the float network in front"]


class CertifiedBackbone(TypedDict):
    """The backbone's file, and the features that it gave for the certified samples."""

    file: Annotated[str, "its name"]
    file_sha256: Annotated[Sha256, "of the file"]
    features_sha256: Annotated[Sha256, "of the features, uint8 [sample, feature]"]
