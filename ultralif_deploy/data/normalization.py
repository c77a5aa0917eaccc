"""Mean and standard deviation of pixels in [0, 1], by name or as numbers, one pair or per channel.

The figures of mnist, fashion and cifar10 are those of the released code; the others are in common
use. Numbers are written as all means, then all deviations: `0.5,0.25` or
`0.49,0.48,0.45,0.25,0.24,0.26`.
"""

import math

import numpy as np

from ultralif_deploy.errors import UltralifError

Channels = float | tuple[float, ...]

NORMALIZATIONS: dict[str, tuple[Channels, Channels]] = {
    "none": (0.0, 1.0),
    "mnist": (0.1307, 0.3081),
    "fashion": (0.2860, 0.3530),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.262)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "svhn": ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
}

MOST_CHANNELS = 16


def normalization(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations, float64 [channel] each.

    Raises:
        UltralifError: an unknown name, or numbers that are no pairs of a mean and a deviation.
    """
    if name in NORMALIZATIONS:
        mean, std = (np.atleast_1d(np.asarray(v, np.float64)) for v in NORMALIZATIONS[name])
        return mean, std
    try:
        numbers = [float(part) for part in name.split(",")]
    except ValueError:
        numbers = []
    half = len(numbers) // 2
    fine = all(map(math.isfinite, numbers)) and all(s > 0 for s in numbers[half:])
    if not numbers or len(numbers) % 2 or half > MOST_CHANNELS or not fine:
        raise UltralifError(
            f"normalization {name!r}; expected one of {', '.join(NORMALIZATIONS)}, or numbers: "
            "all means, then as many deviations above 0, as 0.5,0.25"
        )
    return np.array(numbers[:half]), np.array(numbers[half:])


def per_value(channels: np.ndarray, values: int, name: str) -> float | np.ndarray:
    """One number for all values of a sample, or float64 [value] with those of its channels.

    Args:
        channels: float64 [channel]; one number holds for all values.
        values: number of values of a sample.
        name: name of the normalization, for errors.

    Raises:
        UltralifError: samples whose values are not as many in every channel.
    """
    if len(channels) == 1:
        return float(channels[0])
    if values % len(channels):
        raise UltralifError(
            f"normalization {name}: it has {len(channels)} channels, and samples have {values} "
            "values; expected as many in every channel"
        )
    return np.repeat(channels, values // len(channels))
