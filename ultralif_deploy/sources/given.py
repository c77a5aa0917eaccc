"""Opens a Network that was given from Python as a Deployable."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder, largest_input
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Chosen, joined
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.descriptions import network_description, other_names
from ultralif_deploy.sources.inputs import check_classes, fitted, settle_encoder
from ultralif_deploy.sources.networks import NONE_TO_CHOOSE
from ultralif_deploy.sources.settings import (
    CONVENTIONS,
    NO_SOFT_NETWORK,
    Settings,
    refuse_settings,
)


def open_given(
    network: Network,
    name: str,
    settings: Settings,
    dataset: Dataset | None,
    timesteps: Chosen[int] | None = None,
) -> Deployable:
    """A Network with its data and their encoding.

    Args:
        network: it says how it reads integer inputs, and T.
        name: name that stands for the network where others have a file.
        settings: options as given.
        dataset: data set as opened; None without data.
        timesteps: T with its origin; None is the network's own.

    Raises:
        UltralifError: settings or data do not fit the network.
    """
    refuse_without_meaning(settings)
    steps = timesteps or Chosen("timesteps", network.timesteps, "network")
    if settings.timesteps not in (None, network.timesteps):
        raise UltralifError(
            f"{name}: timesteps = {settings.timesteps}; the network was read with "
            f"{network.timesteps}, and whoever reads it chooses them"
        )
    inputs = network.input.size
    if dataset is not None:
        dataset = fitted(dataset, settings, {}, inputs, steps)
        check_classes(dataset, network.populations[-1].size)
    default = "rate" if network.input.plain and not network.input.constant else "constant"
    encoder, encoding = settle_encoder(
        settings, {}, dataset, inputs, steps, default=default, torch_axes=True
    )
    network = replace(network, input=_read(network.input, name, encoder, dataset))
    return Deployable(
        Path(name),
        None,
        network,
        dataset,
        encoder,
        joined(steps.recorded(), encoding, other_names(network)),
        network.input.maximum,
        network_description(Path(name), network),
        decay_bits=settings.decay_bits,
    )


def refuse_without_meaning(settings: Settings) -> None:
    """Refuse settings that a network from Python answers itself.

    Raises:
        UltralifError: one of them was given.
    """
    names = (*NONE_TO_CHOOSE, *CONVENTIONS)
    refuse_settings(settings, names, "a network from Python has none to choose")
    refuse_settings(settings, ("device",), NO_SOFT_NETWORK)


def _read(own: Input, name: str, encoder: Encoder, dataset: Dataset | None) -> Input:
    """How the network reads its inputs, which must be how the encoder writes them.

    Args:
        own: the reading of inputs that the network states.
        name: name of the network, for the error message.
        encoder: encoder of the data.
        dataset: the samples; None without data.
    """
    scale, offset = encoder.reading(own.size)
    same = np.all(np.equal(own.scale, scale)) and np.all(np.equal(own.offset, offset))
    largest = own.maximum if dataset is None else largest_input(encoder, dataset)
    if not same or largest > own.maximum or (own.constant and encoder.kind != "constant"):
        kinds = "the same values at all timesteps" if own.constant else "values"
        raise UltralifError(
            f"{name}: reads {kinds} of at most {own.maximum}{'' if own.plain else ', scaled'}, "
            f"and {encoder.kind} encoding gives others, up to {largest}; choose another encoding, "
            "or deploy the module itself, which is read as its data are encoded"
        )
    return replace(own, constant=encoder.kind == "constant")
