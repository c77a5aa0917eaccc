"""Words that exported hardware takes and gives: its self-test and its runner use the same."""

import numpy as np

VALUE_SHIFT = 24
"""The value of an input lies above its address."""

TLAST = 1 << 32
"""Bit of a word that ends a timestep."""

FINAL = 1
"""Lowest bit of the word that ends a timestep: the sample ends too."""

RUN_ON = 2
"""Bit above it: the sample does not stop early there."""

PREDICTION_BITS = 16
"""Of the word that follows the logits of a sample that may stop early; above them its timesteps."""


def event_words(inputs: np.ndarray, whole: bool = False) -> str:
    """Words {tlast, tdata} in hexadecimal, one a line.

    Args:
        inputs: uint8 [time, sample, input].
        whole: no sample stops early.
    """
    run_on = RUN_ON if whole else 0
    lines = []
    for sample in inputs.transpose(1, 0, 2):
        for t, values in enumerate(sample):
            (sent,) = np.nonzero(values)
            words = sent | values[sent].astype(np.int64) << VALUE_SHIFT
            lines += [f"{word:09x}" for word in words.tolist()]
            final = FINAL if t == len(sample) - 1 else 0
            lines.append(f"{TLAST | run_on | final:09x}")
    return "".join(f"{line}\n" for line in lines)
