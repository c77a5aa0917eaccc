"""One training loop, for soft training and for annealing; it can be interrupted at any epoch."""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.schema.training import EpochFigures
from ultralif_deploy.soft.adam import Adam
from ultralif_deploy.soft.checkpoint_file import read_tensors
from ultralif_deploy.soft.compute import repeatable
from ultralif_deploy.soft.loop_quantization import LoopQuantizer
from ultralif_deploy.soft.network import SoftNetwork

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SHUFFLE, TRAIN_SPIKES = 1, 2
"""Streams of the seeded random generators; stream 0 is for the test spikes."""

VALIDATION_SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Epoch:
    """Settings of one epoch.

    Attributes:
        factor: factor of every temperature during the epoch.
        straight_through: use the straight-through gradient (then `factor` is 0).
        learning_rate: learning rate of Adam.
    """

    factor: float
    straight_through: bool
    learning_rate: float


@dataclass(frozen=True, slots=True)
class EpochResult:
    """Figures after one epoch; accuracies are on held-out training samples.

    Attributes:
        epoch: 1-based.
        loss: mean loss over the epoch.
        epsilon: mean ε during the epoch.
        soft_accuracy: accuracy at the learned ε.
        hard_accuracy: accuracy at ε = 0.
        spike_rate: mean hard spike rate.
    """

    epoch: int
    loss: float
    epsilon: float
    soft_accuracy: float
    hard_accuracy: float
    spike_rate: float

    def as_dict(self) -> EpochFigures:
        """Plain values, for the command's result."""
        return {
            "epoch": self.epoch,
            "loss": self.loss,
            "epsilon": self.epsilon,
            "soft_accuracy": self.soft_accuracy,
            "hard_accuracy": self.hard_accuracy,
            "spike_rate": self.spike_rate,
        }


class Resumable(TypedDict):
    """What a run needs to resume after an epoch, besides the weights.

    Attributes:
        epochs_done: number of finished epochs.
        optimizer: the state dict of the optimizer.
        log_scales: logarithms of the quantizer's scales, if there is a quantizer.
    """

    epochs_done: int
    optimizer: dict[str, Any]
    log_scales: list[Tensor]


OnEpoch = Callable[[EpochResult, Resumable], None]


def constant_plan(epochs: int, learning_rate: float = 1e-3) -> list[Epoch]:
    """Soft training at the learned ε and one learning rate."""
    return [Epoch(1.0, False, learning_rate)] * epochs


def cosine_plan(epochs: int, learning_rate: float) -> list[Epoch]:
    """Soft training at the learned ε; the rate falls along a cosine, as in the released code."""
    falling = (0.5 * (1 + math.cos(math.pi * i / epochs)) for i in range(epochs))
    return [Epoch(1.0, False, learning_rate * share) for share in falling]


def hold_out(train: Split) -> tuple[Split, Split]:
    """Training samples and a tenth (at most 1000), held out to watch the progress."""
    held = min(VALIDATION_SAMPLES, len(train.x) // 10)
    if held == 0:
        raise UltralifError(f"{len(train.x)} training samples; at least 10 are needed to train")
    return train.held_out(held)


@repeatable()
def fit(
    network: SoftNetwork,
    train: Split,
    encoder: Encoder,
    plan: Sequence[Epoch],
    *,
    teacher: SoftNetwork | None = None,
    before_epoch: Callable[[int], object] | None = None,
    after_step: Callable[[], object] | None = None,
    watch: Split | None = None,
    batch_size: int = 128,
    sparsity: float = 0.0,
    margin: float = 0.0,
    quantizer: LoopQuantizer | None = None,
    resume: dict[str, Any] | None = None,
    on_epoch: OnEpoch | None = None,
    on_batch: Callable[[float, float], None] | None = None,
) -> None:
    """Train in place: cross-entropy of the mean logits, plus penalties.

    The loss is cross-entropy + sparsity · mean spike rate + margin · mean 4·s·(1 − s).

    Args:
        network: trained in place on its device; left in evaluation mode.
        train: samples; without labels, the teacher's class probabilities are the targets.
        encoder: draws new Bernoulli spikes every epoch.
        plan: one entry per epoch.
        teacher: soft network to imitate on the same input spikes, where there are no labels.
        before_epoch: function that is called with the index of each epoch before it begins.
        after_step: function that is called after each step of the optimizer.
        watch: labelled samples, apart from `train`, on which each epoch's accuracies are taken.
        batch_size: samples per step.
        sparsity: λ of the penalty on the mean spike rate.
        margin: μ of the penalty on soft spikes (`SoftTrace.softness`).
        quantizer: rounds the weights as they will be deployed; its scales are trained too.
        resume: the training state that `on_epoch` was given after the last finished epoch.
        on_epoch: called after each epoch with its figures and the state to resume from; needs
            `watch`.
        on_batch: function called after each step with the finished share of the epoch and the loss.

    Raises:
        UltralifError: the loss is no longer finite.
    """
    assert train.y is not None or teacher is not None
    parameters = list(network.parameters())
    if quantizer is not None:
        quantizer.prepare(network, None if resume is None else resume["log_scales"])
        parameters += quantizer.parameters()
    optimizer = Adam(parameters)
    start = 0
    if resume is not None:
        start = int(resume["epochs_done"])
        optimizer.load_state_dict(resume["optimizer"])
    for index in range(start, len(plan)):
        epoch = plan[index]
        if before_epoch is not None:
            before_epoch(index)
        order = np.random.default_rng([encoder.seed, SHUFFLE, index]).permutation(len(train.x))
        batches = math.ceil(len(order) / batch_size)
        total = 0.0
        network.train()
        for batch in range(batches):
            chosen = order[batch * batch_size : (batch + 1) * batch_size]
            if len(chosen) < 2:  # batch norm needs two samples
                continue
            values = encoder.encode(train.x[chosen], (TRAIN_SPIKES, index, batch))
            inputs = real_inputs(encoder, values)
            trace = network(inputs, epoch.factor, epoch.straight_through, quantizer)
            target = _target(train, chosen, teacher, inputs).to(network.device)
            loss = nn.functional.cross_entropy(trace.logits, target)
            if sparsity:
                loss = loss + sparsity * trace.spike_rate()
            if margin:
                loss = loss + margin * trace.softness()
            optimizer.forget_gradients()
            loss.backward()
            optimizer.step(epoch.learning_rate)
            if after_step is not None:
                after_step()
            value = loss.item()
            if not math.isfinite(value):
                raise UltralifError(
                    f"loss is {value} in epoch {index + 1}; lower the learning rate "
                    f"(now {epoch.learning_rate:g})"
                )
            total += value * len(chosen)
            if on_batch is not None:
                on_batch((batch + 1) / batches, value)
        network.eval()
        if on_epoch is not None and watch is not None:
            soft, _ = evaluate(network, watch, encoder, 1.0, quantizer)
            hard, rate = evaluate(network, watch, encoder, 0.0, quantizer)
            epsilon = epoch.factor * network.epsilon()
            result = EpochResult(index + 1, total / len(order), epsilon, soft, hard, rate)
            state: Resumable = {
                "epochs_done": index + 1,
                "optimizer": optimizer.state_dict(),
                "log_scales": [] if quantizer is None else quantizer.log_scales(),
            }
            on_epoch(result, state)
    network.eval()


def run_identity(
    network: SoftNetwork, splits: Sequence[Split], encoder: Encoder, options: "DataclassInstance"
) -> str:
    """SHA-256 of everything that determines a run.

    Args:
        network: network as it is before the run.
        splits: samples that the run sees.
        encoder: encoder of the inputs.
        options: options of the run.
    """
    digest = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        digest.update(key.encode() + value.detach().cpu().numpy().tobytes())
    for split in splits:
        digest.update(np.ascontiguousarray(split.x).tobytes())
        if split.y is not None:
            digest.update(np.ascontiguousarray(split.y).tobytes())
    settings = [asdict(network.architecture), asdict(options), encoder.as_dict()]
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()


def unfinished_run(path: Path, identity: str, network: SoftNetwork) -> dict[str, Any] | None:
    """Training state of an interrupted run; its weights are loaded into the network.

    Args:
        path: path of the file that was written after the run's last finished epoch.
        identity: result of `run_identity`; a file of another run is ignored.
        network: network that receives the weights; it is not changed if None is returned.
    """
    if not path.exists():
        return None
    content = read_tensors(path)
    training = content.get("training")
    if not isinstance(training, dict) or training.get("identity") != identity:
        return None
    network.load_state_dict(content["model_state_dict"])
    return training


@torch.no_grad()
def _target(
    train: Split, chosen: np.ndarray, teacher: SoftNetwork | None, inputs: Tensor
) -> Tensor:
    """Labels [batch], or the teacher's class probabilities [batch, class]."""
    if train.y is not None:
        return torch.from_numpy(train.y[chosen])
    assert teacher is not None
    probabilities: Tensor = teacher(inputs).logits.softmax(1)
    return probabilities


def real_inputs(encoder: Encoder, values: np.ndarray, dtype: torch.dtype = torch.float32) -> Tensor:
    """Integer inputs [time, batch, input] as the real values that a soft network sees.

    They are made on the CPU; the network takes them to its device.

    Args:
        encoder: encoder that made the inputs.
        values: integers [time, batch, input].
        dtype: dtype of the result.
    """
    inputs = torch.tensor(values, dtype=dtype)
    scale, offset = (torch.as_tensor(v, dtype=dtype) for v in encoder.reading(values.shape[-1]))
    return inputs if encoder.kind != "constant" else inputs * scale + offset


@repeatable()
@torch.no_grad()
def evaluate(
    network: SoftNetwork,
    samples: Split,
    encoder: Encoder,
    factor: float,
    quantizer: LoopQuantizer | None = None,
) -> tuple[float, float]:
    """Accuracy and mean spike rate at one annealing factor, in evaluation mode.

    Args:
        network: network, which is in evaluation mode already.
        samples: samples with labels.
        encoder: encoder that turns the samples into inputs.
        factor: factor of every neuron's temperature; 0 is the hard network.
        quantizer: quantizer that rounds the weights; None takes them as they are.
    """
    assert samples.y is not None
    correct, rate = 0, 0.0
    for where, values in encoder.blocks(samples.x):
        trace = network(real_inputs(encoder, values), factor, False, quantizer)
        predicted = trace.logits.argmax(1).cpu().numpy()
        correct += int((predicted == samples.y[where]).sum())
        rate += float(trace.spike_rate()) * len(predicted)
    return correct / len(samples.x), rate / len(samples.x)
