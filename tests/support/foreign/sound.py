"""Sound in .wav files, as the Free Spoken Digit Dataset has it."""

import wave
from pathlib import Path

import numpy as np

from ultralif_deploy.data.known.spoken import RATE_HZ


def tone(hertz: float, seconds: float, loud: float = 0.5) -> np.ndarray:
    """A sine, int16."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.rint(loud * 32767 * np.sin(2 * np.pi * hertz * t)).astype("<i2")


def write(
    path: Path, samples: np.ndarray, channels: int = 1, width: int = 2, rate: int = RATE_HZ
) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
