"""Reads a torch module with the reader of its framework, and opens the Network as a Deployable."""

import math
from typing import Protocol

from torch import nn

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import largest_input
from ultralif_deploy.data.samples import channels_come_last
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Chosen, choose
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.readers.norse.network import from_norse
from ultralif_deploy.readers.sinabs.network import from_sinabs
from ultralif_deploy.readers.snntorch.network import from_snntorch
from ultralif_deploy.readers.spikingjelly.network import from_spikingjelly
from ultralif_deploy.sources.backbones import head_of
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.given import open_given, refuse_without_meaning
from ultralif_deploy.sources.inputs import fitted, open_data, settle_encoder
from ultralif_deploy.sources.networks import TIMESTEPS
from ultralif_deploy.sources.settings import Settings


class Reader(Protocol):
    """Reads a module as a Network, as `from_snntorch` does."""

    def __call__(
        self,
        module: nn.Module,
        input_shape: tuple[int, ...] | None = None,
        *,
        timesteps: int | None = None,
        read: Input | None = None,
    ) -> Network:
        """Read a module.

        Args:
            module: the module.
            input_shape: shape of one sample at one timestep.
            timesteps: T of one inference; None where the module or the reader says it.
            read: range and scale of integer inputs.
        """
        ...


READERS: dict[str, Reader] = {
    "snntorch": from_snntorch,
    "spikingjelly": from_spikingjelly,
    "norse": from_norse,
    "sinabs": from_sinabs,
}
"""Readers by the package of the neurons."""


def open_module(module: nn.Module, settings: Settings) -> Deployable:
    """Read a module and open it with its data.

    Data decide the encoding, and the module is read with it.

    Raises:
        UltralifError: no reader knows the module's neurons, the module cannot be taken over, or
            settings do not fit it.
    """
    refuse_without_meaning(settings)
    with head_of(module, settings) as behind:
        return _opened(module, behind)


def _opened(module: nn.Module, settings: Settings) -> Deployable:
    """Read a module, or what stands behind its backbone.

    Args:
        module: the module, without its backbone if that is a part of it.
        settings: options as given; the backbone is a file or the part itself.
    """
    reader, name = _reader_of(module), type(module).__name__
    opened = open_data(settings)
    shape = _sample_shape(module, opened)
    inputs = math.prod(shape)
    steps = choose("timesteps", settings.timesteps, {}, {}, TIMESTEPS, kind=int)
    dataset = None if opened is None else fitted(opened, settings, {}, inputs, steps)
    encoder, _ = settle_encoder(
        settings, {}, dataset, inputs, steps, default="rate", torch_axes=True
    )
    if steps.is_default and encoder.kind == "events" and dataset is not None:
        steps = Chosen("timesteps", encoder.timesteps, "data")
    read = Input(
        inputs,
        largest_input(encoder, dataset),
        *encoder.reading(inputs),
        encoder.kind == "constant",
    )
    told = None if steps.is_default else steps.value
    network = reader(module, shape, timesteps=told, read=read)
    if steps.is_default and network.timesteps != steps.value:
        steps = Chosen("timesteps", network.timesteps, "forward of the module")
    return open_given(network, name, settings, opened, steps)


def _reader_of(module: nn.Module) -> Reader:
    """The reader of the framework whose layers the module holds.

    Raises:
        UltralifError: there is none.
    """
    packages = {cls.__module__.split(".")[0] for m in module.modules() for cls in type(m).__mro__}
    for package, reader in READERS.items():
        if package in packages:
            return reader
    raise UltralifError(
        f"{type(module).__name__}: holds no neurons that a reader knows; expected layers of "
        "snnTorch, SpikingJelly, Norse or Sinabs"
    )


def _sample_shape(module: nn.Module, dataset: Dataset | None) -> tuple[int, ...]:
    """Shape of one sample at one timestep, from the first layer and the data.

    Raises:
        UltralifError: they do not tell it.
    """
    layers = [m for m in module.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.Flatten))]
    first = layers[0] if layers else None
    if isinstance(first, nn.Linear):
        return (first.in_features,)
    if dataset is None:
        raise UltralifError("no data, and the module's first layer takes any shape; give data")
    shape = tuple(dataset.test.x.shape[1:])
    if channels_come_last(dataset.test.x):
        shape = (*shape[:-3], shape[-1], *shape[-3:-1])
    if not isinstance(first, nn.Conv2d):
        return shape
    if len(shape) > 2 and shape[-3] == first.in_channels:
        return shape[-3:]
    return (first.in_channels, *shape[-2:])
