"""Faults of the inputs: values between the sensor and the first weights.

Each function takes inputs uint8 [time, batch, input] and returns new ones of the same shape within
0 to the program's maximum.
"""

import numpy as np


def noise(values: np.ndarray, amount: float, maximum: int, rng: np.random.Generator) -> np.ndarray:
    """Spikes flipped, or Gaussian noise on values that exceed 1.

    Args:
        values: uint8 [time, batch, input].
        amount: probability that a spike is flipped; where values exceed 1, the standard deviation
            of the noise in units of the input.
        maximum: largest value that the program takes; noise is rounded and held within 0 and it.
        rng: draws the faults.
    """
    if maximum == 1:
        return values ^ struck(values.shape, amount, rng).view(np.uint8)
    noisy = np.float32(amount) * rng.standard_normal(values.shape, dtype=np.float32)
    noisy += values
    held: np.ndarray = np.clip(np.rint(noisy), 0, maximum).astype(np.uint8)
    return held


def drop(values: np.ndarray, amount: float, maximum: int, rng: np.random.Generator) -> np.ndarray:
    """Values that never arrive; a value above 1 is one message and is lost whole.

    Args:
        values: uint8 [time, batch, input].
        amount: probability that a value is lost.
        maximum: largest value that the program takes.
        rng: draws the faults.
    """
    del maximum
    return values * ~struck(values.shape, amount, rng)


def jitter(values: np.ndarray, amount: float, maximum: int, rng: np.random.Generator) -> np.ndarray:
    """Values that arrive earlier or later, by whole timesteps of equal probability.

    They stay within the first and the last timestep. Values that meet add up, to the maximum.

    Args:
        values: uint8 [time, batch, input].
        amount: most timesteps by which a value moves, earlier or later.
        maximum: largest value that the program takes.
        rng: draws the faults.
    """
    time, batch, neuron = np.nonzero(values)
    most = int(amount)
    moved = (rng.random(len(time)) * (2 * most + 1)).astype(np.int64) - most
    arrived = np.zeros(values.shape, dtype=np.int64)
    at = np.clip(time + moved, 0, len(values) - 1), batch, neuron
    np.add.at(arrived, at, values[time, batch, neuron])
    return np.minimum(arrived, maximum).astype(np.uint8)


def struck(shape: tuple[int, ...], probability: float, rng: np.random.Generator) -> np.ndarray:
    """Which of so many places a fault hits, bool.

    Args:
        shape: shape of the array of places.
        probability: probability of a fault at each place, independently of the others.
        rng: draws the faults.
    """
    hit: np.ndarray = rng.random(shape, dtype=np.float32) < probability
    return hit
