"""Reads SpikingJelly modules.

SpikingJelly is imported in this folder alone.
"""

from torch import nn

from ultralif_deploy.errors import Missing
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.readers.modules.trial import read_module


def from_spikingjelly(
    module: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    *,
    timesteps: int | None = None,
    read: Input | None = None,
) -> Network:
    """Read a module of SpikingJelly nodes and linear layers as a hard network.

    `forward` is run and recorded, and the network is compared with the module before it is
    returned, as for `from_snntorch`. Nodes are IFNode, LIFNode and ParametricLIFNode, with a reset
    value or without, with any backend and any surrogate of the step function. Layers of
    SpikingJelly are read as those of torch. Where layers are in multi-step mode or in a
    MultiStepContainer, SeqToANNContainer or StepModeContainer, `forward` is recorded with one
    timestep after the other, and its spikes are compared with a run over all timesteps at once as
    well.

    The following is refused by name: other nodes, and what `from_snntorch` refuses.

    Args:
        module: the module; its `forward` takes the input.
        input_shape: shape of one sample at one timestep; by default what the first layer takes if
            it is Linear.
        timesteps: T of one inference; by default as many as a loop in `forward` runs, or else 100.
        read: range and scale of integer inputs; its size is ignored. By default inputs are spikes.

    Raises:
        Missing: SpikingJelly is not installed.
        UltralifError: a layer or function cannot be taken over, or network and module differ. The
            message names the layer and the reason, or the first spike, current or read-out that
            differs.
    """
    try:
        from ultralif_deploy.readers.spikingjelly.neurons import SPIKINGJELLY
    except ImportError as error:
        install = "pip install 'ultralif-deploy[spikingjelly]'"
        raise Missing("SpikingJelly", install) from error
    return read_module(module, SPIKINGJELLY, input_shape, timesteps, read)
