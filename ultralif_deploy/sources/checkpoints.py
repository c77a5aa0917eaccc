"""Opens checkpoints of soft networks and state dicts of second-order networks as a Deployable."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import largest_input
from ultralif_deploy.data.samples import channels_come_last
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Assumptions, choose, joined
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.io.printable import shortened
from ultralif_deploy.network.network import Input
from ultralif_deploy.program.fixed import TABLE_MAX
from ultralif_deploy.quantization.correction_table import DEFAULT_ENTRIES
from ultralif_deploy.quantization.second_order import WordLengths
from ultralif_deploy.readers.second_order import is_second_order, read_second_order
from ultralif_deploy.soft.checkpoint import Checkpoint, load_checkpoint
from ultralif_deploy.soft.checkpoint_file import (
    ANNEALED_FROM,
    SETTINGS_KEY,
    hyper_parameters,
    read_tensors,
)
from ultralif_deploy.soft.checkpoint_names import ablation_hints, released_name
from ultralif_deploy.soft.compute import settled_device
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.descriptions import second_order_description, soft_description
from ultralif_deploy.sources.inputs import check_classes, fitted, open_data, settle_encoder
from ultralif_deploy.sources.settings import (
    CONVENTIONS,
    NO_SOFT_NETWORK,
    Settings,
    refuse_settings,
    typed,
)
from ultralif_deploy.sources.trajectories import read_trajectory

SECOND_ORDER_KINDS = ("silif", "csilif", "adlif", "cadlif", "adalif")
"""Neuron kinds whose integer models have two state words."""

NO_TABLE = "hard membranes need no table; give --membrane soft too"


def open_checkpoint(path: str | Path, settings: Settings) -> Deployable:
    """Open a checkpoint and the data, and choose how samples are encoded.

    Raises:
        UltralifError: the file is bad, or settings contradict the file or each other.
    """
    refuse_settings(settings, CONVENTIONS, "it is for NIR files of other tools")
    content = read_tensors(Path(path))
    dataset = open_data(settings, _stored(Path(path), content))
    read = _second_order if is_second_order(content) else _soft
    found = read(Path(path), content, settings, dataset)
    if dataset is not None:
        check_classes(dataset, found.network.populations[-1].size)
    return found


def _stored(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint and its name tell about the binning of recordings of events."""
    stored = content.get(SETTINGS_KEY)
    name = released_name(path.stem)
    hints = ablation_hints(path.stem) if name is None else name.hints()
    return hints | hyper_parameters(content) | (stored if isinstance(stored, dict) else {})


def _soft(
    path: Path, content: dict[str, Any], settings: Settings, dataset: Dataset | None
) -> Deployable:
    """Open a checkpoint of a soft network.

    Args:
        path: the file.
        content: its content, as `read_tensors` returns it.
        settings: options as given.
        dataset: the samples; None without data.
    """
    if settings.spike_bits == "auto":
        raise UltralifError(
            "spike bits auto: deploy and quantize choose them on training samples; expected 1 to 4"
        )
    device, computing = settled_device(settings.device)
    loaded = load_checkpoint(
        path,
        content=content,
        timesteps=settings.timesteps,
        theta=settings.theta,
        tau=settings.tau,
        neuron=settings.neuron,
        skip=settings.skip,
        stateless=settings.stateless,
        input_side=settings.input_side,
        data_side=None if dataset is None else image_side(dataset),
        membrane=settings.membrane,
        spike_bits=settings.spike_bits,
    )
    if dataset is not None:
        dataset = fitted(dataset, settings, loaded.settings, loaded.widths[0], loaded.steps)
    network, architecture = loaded.network, loaded.network.architecture
    constant = architecture.spiking_output or architecture.channels
    encoder, encoding = settle_encoder(
        settings,
        loaded.settings,
        dataset,
        loaded.widths[0],
        loaded.steps,
        default="constant" if constant else "rate",
        torch_axes=True,
    )
    maximum = largest_input(encoder, dataset)
    lengths, words = _lengths(settings, architecture.neuron)
    table, entries = _table(settings, loaded)
    hard = harden(network, encoder, maximum)
    return Deployable(
        path,
        network.to(device),
        hard,
        dataset,
        encoder,
        joined(loaded.assumptions, encoding, words, entries, computing, _annealed(path, loaded)),
        maximum,
        soft_description(path, network, loaded.record),
        loaded.architecture_name,
        loaded.record,
        lengths,
        table,
        settings.decay_bits,
        trajectory=read_trajectory(path, loaded.settings),
    )


def _annealed(path: Path, loaded: Checkpoint) -> Assumptions:
    """A warning of a network that was annealed: it is no longer the one that was trained."""
    before = loaded.settings.get(ANNEALED_FROM)
    if before is None:
        return Assumptions()
    finding = Finding(
        "annealed",
        f"{path.name} was annealed from {shortened(str(before), 80)}; its soft network is not the "
        "one that was trained, so that a gap to it does not say what was lost",
        "deploy that checkpoint with --anneal, which compares with it as trained",
    )
    return Assumptions((), (finding,))


def _second_order(
    path: Path, content: dict[str, Any], settings: Settings, dataset: Dataset | None
) -> Deployable:
    """Open a state dict of a second-order network.

    Args:
        path: the file.
        content: its content, as `read_tensors` returns it.
        settings: options as given.
        dataset: the samples; None without data.
    """
    refuse_settings(settings, ("device",), NO_SOFT_NETWORK)
    for name in ("theta", "tau", "skip", "stateless", "input_side", "membrane", "spike_bits"):
        value = getattr(settings, name)
        if value is not None:
            raise UltralifError(
                f"{path}: {typed(name, value)}: second-order networks have no such setting"
            )
    loaded = read_second_order(path, content, neuron=settings.neuron, timesteps=settings.timesteps)
    inputs = loaded.widths[0]
    if dataset is not None:
        dataset = fitted(dataset, settings, {"encoding": "events"}, inputs, loaded.steps)
    encoder, encoding = settle_encoder(
        settings, {}, dataset, inputs, loaded.steps, default="events", torch_axes=True
    )
    if settings.table is not None:
        raise UltralifError(f"--table {settings.table}: {NO_TABLE}")
    maximum = largest_input(encoder, dataset)
    read = Input(inputs, maximum, *encoder.reading(inputs), encoder.kind == "constant")
    lengths, words = _lengths(settings, loaded.neuron)
    return Deployable(
        path,
        None,
        replace(loaded.network, input=read, timesteps=encoder.timesteps),
        dataset,
        encoder,
        joined(loaded.assumptions, encoding, words),
        maximum,
        second_order_description(path, loaded),
        loaded.architecture_name,
        lengths=lengths,
        decay_bits=settings.decay_bits,
    )


def _lengths(settings: Settings, neuron: str) -> tuple[WordLengths, Assumptions]:
    """Word lengths of second-order neurons, and a record of them.

    Without such neurons nothing is recorded, and options for word lengths are refused.
    """
    default = WordLengths()
    if neuron not in SECOND_ORDER_KINDS:
        for name in ("state_bits", "coefficient_bits"):
            if getattr(settings, name) is not None:
                raise UltralifError(
                    f"--{name.replace('_', '-')} {getattr(settings, name)}: only neurons with two "
                    f"state words have it ({', '.join(SECOND_ORDER_KINDS)})"
                )
        return default, Assumptions()
    state = choose("state_bits", settings.state_bits, {}, {}, default.state_bits, kind=int)
    coefficients = choose(
        "coefficient_bits", settings.coefficient_bits, {}, {}, default.coefficient_bits, kind=int
    )
    return WordLengths(state.value, coefficients.value), Assumptions((state, coefficients))


def image_side(dataset: Dataset) -> int | None:
    """Height of square images, with channels first, last or none; None for other samples."""
    shape = dataset.test.x.shape
    if channels_come_last(dataset.test.x):
        shape = shape[:-1]
    return shape[-1] if len(shape) > 2 and shape[-1] == shape[-2] else None


def _table(settings: Settings, loaded: Checkpoint) -> tuple[int, Assumptions]:
    """Number of entries of the correction tables, and a record of it.

    With hard membranes nothing is recorded, and the option is refused.
    """
    if loaded.network.architecture.membrane == "soft":
        chosen = choose("table", settings.table, loaded.settings, {}, DEFAULT_ENTRIES, kind=int)
        if not 1 <= chosen.value <= TABLE_MAX:
            raise UltralifError(f"table = {chosen.value}; expected 1 to {TABLE_MAX} entries")
        return chosen.value, chosen.recorded()
    if settings.table is not None:
        raise UltralifError(f"--table {settings.table}: {NO_TABLE}")
    return DEFAULT_ENTRIES, Assumptions()
