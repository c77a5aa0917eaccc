"""What a data set keeps about the backbone that made its samples."""

from dataclasses import dataclass

from ultralif_deploy.data.backbone.model_file import Model
from ultralif_deploy.schema.backbone import Backbone

LEVELS = 255
"""Largest feature as an integer."""


@dataclass(frozen=True, slots=True)
class Features:
    """What became of the images of a data set.

    A feature f is stored as v = round((f − offset) / scale), uint8, and read as scale · v + offset.

    Attributes:
        model: backbone that made them.
        pixels: normalization of its pixels.
        reading: scale and offset as a normalization of the encoder: `mean,deviation`.
        figures: counts and errors, for the report.
    """

    model: Model
    pixels: str
    reading: str
    figures: Backbone
