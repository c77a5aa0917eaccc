"""The samples from which scales and integers are chosen."""

import numpy as np

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.network.network import Network

CALIBRATION_SAMPLES = 500
"""Enough to choose scales."""

MOST_SAMPLES = 2000
"""Integers that are rounded together gain from more samples; beyond this number little."""

MOST_VALUES = 1 << 24
"""Values of a population on the calibration samples, so that they need little memory."""

CALIBRATION_STREAM = 3


def calibration_values(
    train: Split, encoder: Encoder, network: Network | None = None
) -> np.ndarray:
    """Integer inputs uint8 [time, batch, input] of the first training samples.

    Args:
        train: the samples.
        encoder: encoder of the inputs.
        network: network to be quantized; the number of samples depends on its largest population.
            None takes `CALIBRATION_SAMPLES`.
    """
    samples = CALIBRATION_SAMPLES
    if network is not None:
        widest = max(network.input.size, *(p.size for p in network.populations))
        fitting = MOST_VALUES // (widest * network.timesteps)
        samples = max(samples, min(MOST_SAMPLES, fitting))
    return encoder.encode(train.mixed().x[:samples], (CALIBRATION_STREAM,))
