"""Annealing: prepare a soft network so that its hard limit (ε → 0) is about as accurate.

The method depends on the available data. Without samples, ε is set to 0 and nothing else changes.
With samples, batch norm and some thresholds are re-estimated first. Then the network is fine-tuned
from the learned ε down to hard spikes. If the samples have no labels, the class probabilities of
the soft network are the training targets.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.quantization.calibration import calibration_values
from ultralif_deploy.soft.checkpoint_file import save
from ultralif_deploy.soft.compute import repeatable
from ultralif_deploy.soft.loop_quantization import LoopQuantizer
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.pruning import Pruner
from ultralif_deploy.soft.reestimation import reestimate, reestimate_batch_norm, stop_growth
from ultralif_deploy.soft.training import (
    Epoch,
    EpochResult,
    Resumable,
    fit,
    hold_out,
    real_inputs,
    run_identity,
    unfinished_run,
)

LAST_FACTOR = 0.1
"""The temperature ε is multiplied by this factor in the last soft epoch."""

STATE_FILE = "anneal-state.pt"


@dataclass(frozen=True, slots=True)
class AnnealOptions:
    """How to fine-tune.

    Attributes:
        epochs: number of epochs. Where `cools` says so, the spikes are soft in the first third,
            and ε falls geometrically to a tenth. The rest use the straight-through gradient. With
            0 epochs, only `reestimation.reestimate` runs.
        learning_rate: learning rate of Adam at the start; falls along a cosine to a twentieth.
        batch_size: samples per step.
        sparsity: λ of the penalty on the mean spike rate.
        bits: quantize in the loop to this weight format; None trains float weights.
        prune: share of the weights of each layer that become 0, 0 to below 1.

    Raises:
        UltralifError: a share that would leave no weights.
    """

    epochs: int = 20
    learning_rate: float = 1e-3
    batch_size: int = 128
    sparsity: float = 0.0
    bits: Bits | None = None
    prune: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.prune < 1:
            raise UltralifError(f"prune = {self.prune:g}; expected 0 to below 1")
        if self.prune and not self.epochs:
            raise UltralifError(
                f"prune = {self.prune:g} with 0 epochs; expected at least 1, which train the others"
            )


def cools(network: SoftNetwork) -> bool:
    """Whether ε falls over the first epochs; otherwise all of them are straight-through.

    Graded spikes keep their ε. Leaky membranes keep it too: the derivative of σ((v − θ)/ε) grows as
    1/ε, and the membrane multiplies it from timestep to timestep, so that training diverges. On
    spoken digits (PLIF, a speaker held out) annealing with a falling ε reached 68.6 %, and
    straight-through from the start 78.0 %; on training samples that were kept apart, 80 and 98 %.

    Args:
        network: the soft network.
    """
    neurons = (stage.neuron for stage in network.stages() if stage.neuron is not None)
    return all(neuron.SOFT_MAXIMUM and neuron.levels == 1 for neuron in neurons)


def schedule(options: AnnealOptions, cooling: bool = True) -> list[Epoch]:
    """One `Epoch` per epoch: ε falls from the learned value, then straight-through.

    Args:
        options: epochs and learning rate.
        cooling: whether ε falls at all.
    """
    soft = options.epochs // 3 if cooling else 0
    plan = []
    for index in range(options.epochs):
        progress = index / max(1, options.epochs - 1)
        rate = options.learning_rate * (0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2)
        if index < soft:
            plan.append(Epoch(LAST_FACTOR ** (index / max(1, soft - 1)), False, rate))
        else:
            plan.append(Epoch(0.0, True, rate))
    return plan


@repeatable()
def fine_tune(
    network: SoftNetwork,
    train: Split,
    encoder: Encoder,
    options: AnnealOptions,
    *,
    directory: Path | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
    on_batch: Callable[[float, float], None] | None = None,
) -> SoftNetwork:
    """Fine-tune a copy of the network to hard spikes.

    The copy comes from `reestimate`. After fine-tuning, its batch norm is re-estimated again. A
    learned log τ is limited to log 0.99 from the start: if the membrane potential grew without
    input, a hard neuron would fire at every timestep.

    Args:
        network: the soft network; it is not changed, and its device computes.
        train: samples, with labels or without.
        encoder: encoder of the inputs.
        options: settings of the fine-tuning.
        directory: directory of the checkpoint that every epoch writes. An interrupted run continues
            from the checkpoint that it finds there.
        on_epoch: function that is called with the figures of each epoch.
        on_batch: function that is called after each step.

    Returns:
        The annealed network, in evaluation mode.

    Raises:
        UltralifError: too few samples, a loss that is not finite.
    """
    result = reestimate(network, train, encoder)
    if options.epochs == 0:
        return result
    quantizer = None
    if options.bits is not None:
        quantizer = LoopQuantizer(options.bits, calibration_inputs(train, encoder))
    identity = run_identity(network, (train,), encoder, options)
    resume = None
    if directory is not None:
        resume = unfinished_run(directory / STATE_FILE, identity, result)

    def after_epoch(figures: EpochResult, state: Resumable) -> None:
        if directory is not None:
            settings = encoder.as_dict() | {"encoding": encoder.kind}
            training = {**state, "identity": identity}
            save(directory / STATE_FILE, result, {"epoch": figures.epoch}, settings, training)
        if on_epoch is not None:
            on_epoch(figures)

    pruner = Pruner(result, options.prune, options.epochs) if options.prune else None

    def after_step() -> None:
        stop_growth(result)
        if pruner is not None:
            pruner.apply()

    fitting, held = hold_out(train)
    if held.y is None:
        held = Split(held.x, predictions(network, held, encoder))
    fit(
        result,
        fitting,
        encoder,
        schedule(options, cools(network)),
        teacher=network,
        before_epoch=None if pruner is None else pruner.begin,
        after_step=after_step,
        watch=held,
        batch_size=options.batch_size,
        sparsity=options.sparsity,
        quantizer=quantizer,
        resume=resume,
        on_epoch=after_epoch,
        on_batch=on_batch,
    )
    if quantizer is not None:
        quantizer.snap(result)
    reestimate_batch_norm(result, train, encoder, keep_shared_grids=quantizer is not None)
    if directory is not None:
        (directory / STATE_FILE).unlink(missing_ok=True)
    return result


def calibration_inputs(train: Split, encoder: Encoder) -> Tensor:
    """Real inputs [time, batch, input] of the first training samples."""
    return real_inputs(encoder, calibration_values(train, encoder))


@repeatable()
@torch.no_grad()
def predictions(network: SoftNetwork, samples: Split, encoder: Encoder) -> np.ndarray:
    """Classes that the soft network predicts for the samples.

    Args:
        network: network in evaluation mode.
        samples: labels are not used.
        encoder: encoder of the inputs.
    """
    blocks = encoder.blocks(samples.x)
    logits = [network(real_inputs(encoder, values)).logits for _, values in blocks]
    return torch.cat(logits).argmax(1).cpu().numpy()
