"""Inputs as the words that exported hardware takes: its self-test and its runner send the same."""

import numpy as np

VALUE_SHIFT = 24
"""The value of an input lies above its address."""

TLAST = 1 << 32
"""Bit of a word that ends a timestep."""

FINAL = 1
"""Lowest bit of the word that ends a timestep: the sample ends too."""


def event_words(inputs: np.ndarray) -> str:
    """Words {tlast, tdata} in hexadecimal, one a line, of inputs uint8 [time, sample, input]."""
    lines = []
    for sample in inputs.transpose(1, 0, 2):
        for t, values in enumerate(sample):
            (sent,) = np.nonzero(values)
            words = sent | values[sent].astype(np.int64) << VALUE_SHIFT
            lines += [f"{word:09x}" for word in words.tolist()]
            lines.append(f"{TLAST | (FINAL if t == len(sample) - 1 else 0):09x}")
    return "".join(f"{line}\n" for line in lines)
