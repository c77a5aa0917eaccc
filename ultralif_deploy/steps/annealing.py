"""Anneal the network to be deployed, and show progress."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import output_directory, sha256_file
from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.network.network import Network
from ultralif_deploy.program.weight_format import alike
from ultralif_deploy.schema.commands import Annealed
from ultralif_deploy.schema.training import EpochFigures
from ultralif_deploy.soft import checkpoint_file as checkpoints
from ultralif_deploy.soft.anneal import STATE_FILE, AnnealOptions, fine_tune
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.training import EpochResult
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.opening import open_source
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.epochs import epoch_bar
from ultralif_deploy.steps.results import ANNEALED_FILE
from ultralif_deploy.steps.training import stored_settings


def annealed_network(
    source: Deployable, options: AnnealOptions, directory: Path, resume: Path, progress: Progress
) -> tuple[Network, str]:
    """Anneal, write `annealed.pt`, and harden.

    Args:
        source: source with a soft network.
        options: settings of the fine-tuning.
        directory: directory of `annealed.pt`.
        resume: directory of the state from which a stopped run resumes.
        progress: progress display, which shows every epoch.

    Returns:
        The hard network, and how it was annealed, in words.
    """
    annealed, how = anneal_network(source, options, resume, progress)
    checkpoints.save(directory / ANNEALED_FILE, annealed, {}, annealed_settings(source))
    return harden(annealed, source.encoder, source.input_maximum), how


def anneal_network(
    source: Deployable,
    options: AnnealOptions,
    directory: Path | None,
    progress: Progress,
    on_epoch: Callable[[EpochResult], None] | None = None,
) -> tuple[SoftNetwork, str]:
    """Anneal with what is available: labelled samples, samples without labels, or no data.

    Args:
        source: source with a soft network.
        options: settings of the fine-tuning.
        directory: directory of the state from which a stopped run resumes; None stores nothing.
        progress: progress display, which shows every epoch.
        on_epoch: function that is called with the figures of every epoch of this call.

    Returns:
        The annealed network, and how, in words (`none` without data).
    """
    network = source.require_soft()
    if source.dataset is None:
        return network, "none"
    train = source.dataset.train
    if train is None:
        raise UltralifError(
            f"{source.dataset.name}: no training samples to anneal with; expected x_train in the "
            "file, with y_train where labels are at hand (--epochs 0 needs none)"
        )
    state = None if directory is None else directory / STATE_FILE
    with epoch_bar("anneal", progress, options.epochs, state) as bar:

        def after_epoch(result: EpochResult) -> None:
            bar.epoch(result)
            if on_epoch is not None:
                on_epoch(result)

        annealed = fine_tune(
            network,
            train,
            source.encoder,
            options,
            directory=directory,
            on_epoch=after_epoch,
            on_batch=bar.batch,
        )
    if options.epochs == 0:
        return annealed, "re-estimated without labels"
    return annealed, "fine-tuned" if train.y is not None else "imitating the soft network"


def annealed_settings(source: Deployable) -> dict[str, str | int | float | dict[str, int]]:
    """Settings that `annealed.pt` stores in addition to the released format."""
    network = source.require_soft()
    architecture = network.architecture
    soft, bits = architecture.membrane == "soft", alike(network.spike_bits())
    before = f"{source.path.name} (SHA-256 {sha256_file(source.path)[:12]}…)"
    return (
        stored_settings(source.encoder)
        | ({"table": source.table} if soft else {})
        | ({"spike_bits": bits} if bits != 1 else {})
        | {checkpoints.ANNEALED_FROM: before}
    )


def anneal_checkpoint(
    checkpoint: str | Path,
    output: str | Path,
    settings: Settings,
    options: AnnealOptions,
    progress: Progress | None = None,
    *,
    use_labels: bool = True,
) -> Annealed:
    """Anneal a checkpoint and write `annealed.pt`; labels are left unused on request.

    Args:
        checkpoint: trained network, a .pt file.
        output: directory for `annealed.pt`.
        settings: data, encoding and what the checkpoint does not say.
        options: epochs, learning rate, sparsity and weight bits of the annealing.
        progress: progress display for long work.
        use_labels: False imitates the soft network, as without training labels.

    Returns:
        How it was annealed, the figures of every epoch run now, and the file.

    Raises:
        UltralifError: bad input.
    """
    progress = progress or ShownProgress()
    with progress.reading():
        source = open_source(checkpoint, settings)
    source.require_soft()
    if not use_labels and source.dataset is not None and source.dataset.train is not None:
        train = replace(source.dataset.train, y=None)
        source = replace(source, dataset=replace(source.dataset, train=train))
    directory = output_directory(output)
    epochs: list[EpochFigures] = []
    annealed, how = anneal_network(
        source,
        options,
        directory,
        progress,
        lambda r: epochs.append(r.as_dict()),
    )
    path = directory / ANNEALED_FILE
    checkpoints.save(path, annealed, {"epoch": options.epochs}, annealed_settings(source))
    return {"annealing": how, "epochs": epochs, "output": str(path)}
