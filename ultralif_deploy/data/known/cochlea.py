"""Sound as spikes: a mel filter bank, whose levels drive neurons that integrate and fire.

The samples a are cut into windows of 25 ms, one every 5 ms, and weighted as von Hann does. With
E(n, c) the energy of the spectrum of window n below the triangle of channel c, the level is
L(n, c) = 10 · log10(E(n, c) / max E), in dB below the loudest value of the recording, and so the
same whether a speaker is near or far. The current is I = max(0, 1 + L/50), rounded to a multiple
of 1/1024. Each channel is one neuron without leak: u ← u + I; where u ≥ 1, it spikes and u ← u − 1.

The triangles stand side by side from 100 Hz to half the rate on the mel scale m = 2595 ·
log10(1 + f/700) (D. O'Shaughnessy, Speech Communication, 1987), as in S. B. Davis, P. Mermelstein,
IEEE TASSP 28, 1980. Rounding the current makes the spikes the same on machines whose Fourier
transforms differ in the last digit, but where a level lies right between two multiples.
"""

import numpy as np

from ultralif_deploy.errors import UltralifError

WINDOW_SECONDS, STEP_SECONDS = 0.025, 0.005
LOWEST_HZ = 100.0
RANGE_DB = 50.0
"""Levels so far below the loudest value of a recording give no current."""

UNITS = 1024
"""Threshold of the neurons in units of the current."""

CHANNELS = 40


def filter_bank(channels: int, rate: int) -> np.ndarray:
    """Weights float64 [channel, line] of the triangles on the lines of the spectrum.

    Args:
        channels: number of channels.
        rate: samples per second.

    Raises:
        UltralifError: so many channels that one holds no line of the spectrum.
    """
    frequencies = np.fft.rfftfreq(_lines(rate), 1 / rate)
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (LOWEST_HZ, rate / 2))
    edges = 700 * (10 ** (np.linspace(lowest, highest, channels + 2) / 2595) - 1)
    left, middle, right = (edges[i : i + channels, None] for i in range(3))
    rising = (frequencies - left) / (middle - left)
    falling = (right - frequencies) / (right - middle)
    weights: np.ndarray = np.maximum(0, np.minimum(rising, falling))
    if not weights.any(axis=1).all():
        raise UltralifError(
            f"--sensor {channels}: so many channels that one holds no line of the spectrum; "
            f"expected fewer, as {CHANNELS}"
        )
    return weights


def spikes_of_sound(samples: np.ndarray, rate: int, bank: np.ndarray) -> tuple[np.ndarray, ...]:
    """The spikes of one recording, in order of time.

    Args:
        samples: the recording, int16 [sample].
        rate: samples per second.
        bank: filter bank, as `filter_bank` returns it.

    Returns:
        Times int64 [spike] in microseconds, the start of the step of 5 ms in which the neuron
        spikes, and channels int64 [spike], 0 the lowest.
    """
    window, step = round(WINDOW_SECONDS * rate), round(STEP_SECONDS * rate)
    steps = -(-len(samples) // step)
    # The window of a step has the step's first sample in its middle; beyond the ends is silence.
    padded = np.zeros((steps - 1) * step + window)
    padded[window // 2 : window // 2 + len(samples)] = samples[: len(padded) - window // 2]
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)[::step]
    spectrum = np.fft.rfft(windows * np.hanning(window + 1)[:-1], _lines(rate))
    power = spectrum.real**2 + spectrum.imag**2
    energy = np.einsum("nf,cf->nc", power, bank)  # with BLAS, threads cost more than they save
    loudest = energy.max(initial=0)
    if loudest == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    level = 10 * np.log10(np.maximum(energy / loudest, 1e-30))
    current = np.rint(UNITS * np.maximum(0, 1 + level / RANGE_DB)).astype(np.int64)
    fired = np.diff(current.cumsum(axis=0) // UNITS, axis=0, prepend=0)
    when, channel = np.nonzero(fired)  # at most once in a step, as the current is at most 1
    return when * round(STEP_SECONDS * 1e6), channel


def _lines(rate: int) -> int:
    """Length of the Fourier transform: twice the window, up to a power of 2."""
    return 1 << (2 * round(WINDOW_SECONDS * rate) - 1).bit_length()
