"""The samples from which scales are chosen."""

import numpy as np

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import Encoder

CALIBRATION_SAMPLES = 500
CALIBRATION_STREAM = 3


def calibration_values(train: Split, encoder: Encoder) -> np.ndarray:
    """Integer inputs [time, batch, input] of the first training samples."""
    return encoder.encode(train.x[:CALIBRATION_SAMPLES], (CALIBRATION_STREAM,))
