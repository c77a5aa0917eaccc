"""What samples look like, and what about them is likely to be a mistake."""

import numpy as np

from ultralif_deploy.assumptions import Assumptions
from ultralif_deploy.data import Dataset
from ultralif_deploy.encode import MOST_EVENTS, Encoder
from ultralif_deploy.errors import UltralifError

DARK = 25
"""Byte images without a brighter pixel are likely to have another scale: a tenth of 255."""

ROUNDED = 1e-6
"""Float pixels that miss a multiple of 1/255 by more are rounded in a way that shows."""


def check_pixels(dataset: Dataset, assumptions: Assumptions) -> None:
    """Refuse samples that are no images, and warn of those that look wrong.

    Raises:
        UltralifError: values above 255, or byte images that hold 0 and 1 alone.
    """
    x, what = dataset.test.x, f"{dataset.name}: x_test"
    if x.dtype.kind in "iu" and x.dtype != np.uint8:
        raise UltralifError(
            f"{what}: values up to {x.max()}, as counts of events have, and images do not; give "
            "--encoding events, or images of 0 to 255"
        )
    if x.dtype != np.uint8:
        return
    brightest = int(x.max())
    if brightest == 1:
        raise UltralifError(
            f"{what}: uint8 images of 0 and 1 alone, where 255 is a full pixel; store them as bool "
            "or float"
        )
    if brightest <= DARK:
        assumptions.warn(
            "dark-images",
            f"{what}: the brightest pixel is {brightest}, where 255 is a full one, so that the "
            "images are nearly black",
            "store them as float in [0, 1], or scale them to 0 to 255",
        )


def warn_of_saturation(encoder: Encoder, dataset: Dataset, assumptions: Assumptions) -> None:
    """Say how many event counts are held at 255."""
    held = encoder.saturated(dataset.test.x)
    if held:
        values = dataset.test.x.size // (dataset.test.x.shape[1] // encoder.timesteps)
        assumptions.warn(
            "saturated-events",
            f"{dataset.name}: {held:,} of {values:,} event counts are above {MOST_EVENTS} and are "
            "held at it",
            "use more timesteps, so that fewer frames are added up",
        )
