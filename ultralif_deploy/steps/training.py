"""Training a soft network from its first epoch, with progress; a stopped run can be resumed.

As in the released code, Adam minimizes the cross-entropy plus λ times the mean spike rate, and the
learning rate falls along a cosine. The released code keeps the epoch that is best on the test
samples. Here the epoch that is best on held-out training samples is kept, so the test samples have
no influence on training.
"""

import sys
from pathlib import Path
from typing import Any

import torch

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.schema.commands import Trained, TrainingState
from ultralif_deploy.schema.training import TrainedEpoch
from ultralif_deploy.soft.anneal import calibration_inputs
from ultralif_deploy.soft.checkpoint import load_checkpoint
from ultralif_deploy.soft.checkpoint_file import SETTINGS_KEY, read_tensors, save
from ultralif_deploy.soft.compute import repeatable
from ultralif_deploy.soft.loop_quantization import LoopQuantizer
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.training import (
    EpochResult,
    Resumable,
    cosine_plan,
    fit,
    hold_out,
    real_inputs,
    run_identity,
    unfinished_run,
)
from ultralif_deploy.sources.trajectories import KEY, read_trajectory
from ultralif_deploy.steps.epochs import epoch_bar
from ultralif_deploy.steps.untrained import TrainOptions, Untrained

TRAINED_FILE, STATE_FILE = "trained.pt", "train-state.pt"
IDENTITY = "identity"


def train_network(
    source: Untrained, options: TrainOptions, directory: Path, progress: Progress
) -> TrainingState:
    """Train and write `trained.pt`; does nothing if the same run has already written it.

    Args:
        source: untrained network with its samples.
        options: settings of the training.
        directory: directory of `trained.pt` and of the state from which a stopped run resumes.
        progress: progress display, which shows every epoch.

    Returns:
        Whether all epochs, the remaining epochs or none ran now: a `state` of `Trained`.

    Raises:
        UltralifError: too few samples, a loss that is not finite.
    """
    network = SoftNetwork(source.architecture, source.encoder.seed).to(source.device)
    identity = run_identity(network, (source.train, source.test), source.encoder, options)
    path, state_path = directory / TRAINED_FILE, directory / STATE_FILE
    if path.exists() and _identity_of(path) == identity:
        return "finished before"
    fitting, held = hold_out(source.train)
    quantizer = None
    if options.bits is not None:
        calibration = calibration_inputs(source.train, source.encoder)
        quantizer = LoopQuantizer(options.bits, calibration)
    resume = unfinished_run(state_path, identity, network)
    run = _Run(network, source.encoder, state_path, identity, resume)
    with epoch_bar("train", progress, options.epochs, state_path, run.done) as bar:

        def after_epoch(figures: EpochResult, state: Resumable) -> None:
            run.keep(figures, state)
            bar.epoch(figures)

        fit(
            network,
            fitting,
            source.encoder,
            cosine_plan(options.epochs, options.learning_rate),
            watch=held,
            batch_size=options.batch_size,
            sparsity=options.sparsity,
            margin=options.margin,
            quantizer=quantizer,
            resume=resume,
            on_epoch=after_epoch,
            on_batch=bar.batch,
        )
    network.load_state_dict(run.best["weights"])
    if quantizer is not None:
        quantizer.prepare(network, run.best["log_scales"])
        quantizer.snap(network)
    record = {"epoch": run.best["epoch"], **released_record(network, source.test, source.encoder)}
    settings = stored_settings(source.encoder) | {KEY: run.trajectory, IDENTITY: identity}
    save(path, network, record, settings)
    state_path.unlink(missing_ok=True)
    return "trained" if resume is None else "resumed"


def trained_content(path: Path, source: Untrained, state: TrainingState) -> Trained:
    """Result of `train` for the file that it wrote, now or in an earlier call.

    Args:
        path: path of the file.
        source: source that was trained.
        state: state that `train_network` returned.
    """
    loaded = load_checkpoint(path, data_side=source.architecture.side or None)
    architecture = loaded.network.architecture
    return {
        "state": state,
        "architecture": architecture.name,
        "widths": list(architecture.channels or architecture.widths),
        "parameters": sum(p.numel() for p in loaded.network.parameters()),
        "epochs": list(read_trajectory(path, loaded.settings)),
        "best_epoch": loaded.record["epoch"],
        "test_accuracy": loaded.record.get("best_acc"),
        "spike_rate": loaded.record["spike_rate"],
        "assumed": source.assumptions.as_dict(),
        "findings": [finding.as_dict() for finding in source.assumptions.findings],
        "output": str(path),
    }


class _Run:
    """State of a run besides weights and optimizer: its trajectory and its best epoch."""

    def __init__(
        self,
        network: SoftNetwork,
        encoder: Encoder,
        path: Path,
        identity: str,
        resume: dict[str, Any] | None,
    ) -> None:
        self.network, self.encoder, self.path, self.identity = network, encoder, path, identity
        self.trajectory: list[TrainedEpoch] = _interned([] if resume is None else resume[KEY])
        self.best: dict[str, Any] = {"accuracy": -1.0} if resume is None else resume["best"]

    @property
    def done(self) -> int:
        """Finished epochs."""
        return len(self.trajectory)

    def keep(self, figures: EpochResult, state: Resumable) -> None:
        """Write the state from which the run can resume after this epoch."""
        epsilons = {
            stage.name: float(
                torch.as_tensor(stage.neuron.temperature()).detach().cpu().double().mean()
            )
            for stage in self.network.stages()
            if stage.neuron is not None
        }
        self.trajectory.append(_interned({**figures.as_dict(), "epsilons": epsilons}))
        if figures.soft_accuracy > self.best["accuracy"]:
            weights = {k: v.clone() for k, v in self.network.state_dict().items()}
            self.best = {
                "accuracy": figures.soft_accuracy,
                "epoch": figures.epoch,
                "weights": weights,
                "log_scales": state["log_scales"],
            }
        training = {**state, IDENTITY: self.identity, KEY: self.trajectory, "best": self.best}
        record = {"epoch": figures.epoch}
        save(self.path, self.network, record, stored_settings(self.encoder), training)


def _interned(value: Any) -> Any:
    """Make equal keys the same object, so that equal values give identical pickle bytes."""
    if isinstance(value, list):
        return [_interned(one) for one in value]
    if isinstance(value, dict):
        return {sys.intern(key): _interned(one) for key, one in value.items()}
    return value


def stored_settings(encoder: Encoder) -> dict[str, str | int | float]:
    """Input settings that our checkpoints store in addition to the released format."""
    told = encoder.as_dict()
    names = (
        "timesteps",
        "gain",
        "normalize",
        "bin",
        "sensor",
        "polarity",
        "frames",
        "backbone",
        "pixels",
    )
    return {"encoding": encoder.kind} | {name: told[name] for name in names if name in told}


@repeatable()
@torch.no_grad()
def released_record(network: SoftNetwork, test: Split, encoder: Encoder) -> dict[str, float | None]:
    """Figures on the test samples that the released code stores for the kept epoch.

    Args:
        network: network in evaluation mode.
        test: samples; without labels there is no accuracy.
        encoder: encoder of the inputs.
    """
    correct, rate = 0, 0.0
    for where, values in encoder.blocks(test.x):
        trace = network(real_inputs(encoder, values))
        rate += float(trace.output_rate(network.architecture.skip)) * len(trace.logits)
        if test.y is not None:
            correct += int((trace.logits.argmax(1).cpu().numpy() == test.y[where]).sum())
    rate /= len(test.x)
    return {
        "best_acc": None if test.y is None else correct / len(test.x),
        "spike_rate": rate,
        "energy_proxy": rate * encoder.timesteps,
        "tau": _mean_tau(network),
    }


def _mean_tau(network: SoftNetwork) -> float:
    """Decay per timestep, the mean over the populations."""
    decays = []
    for stage in network.stages():
        if stage.neuron is not None:
            neuron: Any = stage.neuron  # it has either log_tau or tau
            logarithmic = hasattr(neuron, "log_tau")
            decay = (
                torch.as_tensor(neuron.log_tau() if logarithmic else neuron.tau()).cpu().double()
            )
            decays.append((decay.exp() if logarithmic else decay).mean())
    return float(torch.stack(decays).mean())


def _identity_of(path: Path) -> str | None:
    """Identity of the run that wrote a checkpoint; None if it was not `train`."""
    settings = read_tensors(path).get(SETTINGS_KEY)
    found = settings.get(IDENTITY) if isinstance(settings, dict) else None
    return found if isinstance(found, str) else None
