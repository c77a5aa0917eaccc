"""Reads Sinabs modules.

Sinabs is imported in this folder alone.
"""

from torch import nn

from ultralif_deploy.errors import Missing
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.readers.modules.trial import read_module
from ultralif_deploy.readers.sinabs.install import INSTALL


def from_sinabs(
    module: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    *,
    timesteps: int | None = None,
    read: Input | None = None,
) -> Network:
    """Read a module of Sinabs neurons and linear layers as a hard network.

    `forward` is run and recorded, and the network is compared with the module before it is
    returned, as for `from_snntorch`. Neurons are IAF and LIF, plain, Squeeze and Recurrent, with or
    without synapses, learned constants, a lower bound of the membrane, and several spikes in one
    timestep. Layers of Sinabs take all timesteps at once. `forward` is recorded with one timestep
    after the other, and its spikes are compared with a run over all timesteps at once as well. Of a
    `sinabs.network.Network`, the spiking model is read.

    A program's neurons fire at most 255 times in a timestep, and those of Sinabs with MultiSpike as
    often as the membrane holds the threshold. Modules that fire more often on the random inputs of
    the comparison are refused.

    An ExpLeak is a read-out, whose membrane after the last timestep is read.

    The following is refused by name: ALIF, spiking max pooling, resets to another value
    than 0, several spikes in one timestep with a reset other than their threshold, recurrent
    connections other than one Linear without bias, and what `from_snntorch` refuses.

    Args:
        module: the module; its `forward` takes the input.
        input_shape: shape of one sample at one timestep; by default what the first layer takes if
            it is Linear.
        timesteps: T of one inference; by default 100.
        read: range and scale of integer inputs; its size is ignored. By default inputs are spikes.

    Raises:
        Missing: Sinabs is not installed.
        UltralifError: a layer or function cannot be taken over, or network and module differ. The
            message names the layer and the reason, or the first spike, current or read-out that
            differs.
    """
    try:
        from ultralif_deploy.readers.sinabs.neurons import SINABS, spiking_part
    except ImportError as error:
        raise Missing("Sinabs", INSTALL) from error
    return read_module(spiking_part(module), SINABS, input_shape, timesteps, read)
