"""Golden vectors as the beats that leave the hardware."""

import numpy as np

from ultralif_deploy.exporters.verilog.layout import Layout


def spike_beats(tag: int, spikes: np.ndarray, layout: Layout) -> list[str]:
    """Beats of a population in the format of the testbench.

    Args:
        tag: number of the population.
        spikes: uint8 [time, sample, neuron].
        layout: where its neurons lie.
    """
    neurons = layout.neurons()
    placed = np.where(neurons >= 0, spikes[..., np.maximum(neurons, 0)], 0)
    lines = []
    for sample in placed.transpose(1, 0, 2):
        for t, values in enumerate(sample):
            (sent,) = np.nonzero(values)
            lines += [f"{tag:04x}0000{a:08x}{values[a]:08x}" for a in sent.tolist()]
            lines.append(f"{tag:04x}{2 + (t == len(sample) - 1):04x}{0:016x}")
    return lines


def logit_beats(tag: int, logits: np.ndarray, layout: Layout) -> list[str]:
    """Beats of the read-out.

    Args:
        tag: its number.
        logits: int64 [sample, class].
        layout: where its neurons lie.
    """
    neurons = layout.neurons()
    return [
        f"{tag:04x}0000{a:08x}{int(sample[n]) & 0xFFFFFFFF:08x}"
        for sample in logits
        for a, n in enumerate(neurons.tolist())
        if n >= 0
    ]
