"""Reads snnTorch modules.

snnTorch is imported in this folder alone.
"""

from torch import nn

from ultralif_deploy.errors import Missing
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.readers.modules.trial import read_module


def from_snntorch(
    module: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    *,
    timesteps: int | None = None,
    read: Input | None = None,
) -> Network:
    """Read a module of snnTorch neurons and linear layers as a hard network.

    `forward` is run, and what it does is recorded: the order of its layers, sums, products with
    constants, concatenations, branches, and a layer of neurons that is used at several places with
    separate states. `forward` may compute one timestep, with hidden states (`init_hidden=True`) or
    with states passed in and out. Or it may loop over all timesteps, of an input that has an axis
    of time or of one input for all. Dropout does nothing. BatchNorm becomes part of the weights
    beside it, and a MaxPool2d of spikes a population of units, one for each window.

    The read-out is the first value that `forward` returns. For spikes it is their count, for
    weighted spikes their sum over time, and for a membrane potential that is never reset its value
    after the last timestep.

    Before the network is returned, it is compared with the module in float64 and evaluation mode.
    Every spike and the read-out are compared on random inputs in the range of `read`. Every current
    is compared with random spikes in place of the neurons' own. Every population is compared alone
    on currents that make it fire. So populations that stay silent are checked too. The module
    itself is not changed.

    The following is refused by name: layers and functions that are not linear (ReLU, max pooling
    of currents); changes in place through a view or an index; decisions that depend on values;
    dropout that stays on; recurrence other than RLeaky and RSynaptic; states that are changed, or
    do not start at 0; a returned membrane potential that spikes reset; sums over other axes than
    time.

    Args:
        module: the module; its `forward` takes the input first, and then states, if any.
        input_shape: shape of one sample at one timestep; by default what the first layer takes if
            it is Linear.
        timesteps: T of one inference; by default as many as a loop in `forward` runs, or else 100.
        read: range and scale of integer inputs; its size is ignored. By default inputs are spikes.

    Raises:
        Missing: snnTorch is not installed.
        UltralifError: a layer or function cannot be taken over, or network and module differ. The
            message names the layer and the reason, or the first spike, current or read-out that
            differs.
    """
    try:
        from ultralif_deploy.readers.snntorch.neurons import SNNTORCH
    except ImportError as error:
        raise Missing("snnTorch", "pip install 'ultralif-deploy[snntorch]'") from error
    return read_module(module, SNNTORCH, input_shape, timesteps, read)
