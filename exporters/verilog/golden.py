"""Golden vectors as the beats that leave the hardware."""

import numpy as np

from ultralif_deploy.exporters.verilog.layout import Layout
from ultralif_deploy.io.event_words import PREDICTION_BITS


def spike_beats(
    tag: int, spikes: np.ndarray, layout: Layout, timesteps: np.ndarray | None = None
) -> list[str]:
    """Beats of a population in the format of the testbench.

    Args:
        tag: number of the population.
        spikes: uint8 [time, sample, neuron].
        layout: where its neurons lie.
        timesteps: timesteps that each sample runs, int64 [sample]; None is all.
    """
    neurons = layout.neurons()
    placed = np.where(neurons >= 0, spikes[..., np.maximum(neurons, 0)], 0)
    time, samples = spikes.shape[:2]
    ends = np.full(samples, time) if timesteps is None else timesteps
    lines = []
    for sample, end in zip(placed.transpose(1, 0, 2), ends, strict=True):
        for t, values in enumerate(sample[:end]):
            (sent,) = np.nonzero(values)
            lines += [f"{tag:04x}0000{a:08x}{values[a]:08x}" for a in sent.tolist()]
            lines.append(f"{tag:04x}{2 + (t == time - 1):04x}{0:016x}")
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


def exit_beats(tag: int, logits: np.ndarray, exits: np.ndarray) -> list[str]:
    """Beats of a read-out whose samples stop early: the logits, then timesteps and prediction.

    Args:
        tag: its number.
        logits: int64 [sample, class].
        exits: timesteps and prediction, int64 [sample, 2].
    """
    lines = []
    for sample, (timesteps, prediction) in zip(logits.tolist(), exits.tolist(), strict=True):
        values = [*sample, timesteps << PREDICTION_BITS | prediction]
        lines += [f"{tag:04x}0000{a:08x}{v & 0xFFFFFFFF:08x}" for a, v in enumerate(values)]
    return lines
