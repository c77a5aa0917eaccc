"""Reads Norse modules.

Norse is imported in this folder alone.
"""

import warnings

from torch import nn

from ultralif_deploy.errors import Missing
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.readers.modules.trial import read_module


def from_norse(
    module: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    *,
    timesteps: int | None = None,
    read: Input | None = None,
) -> Network:
    """Read a module of Norse cells and linear layers as a hard network.

    `forward` is run and recorded, and the network is compared with the module before it is
    returned, as for `from_snntorch`. Cells are LIFCell, LIFBoxCell, LIFRecurrentCell, and LICell as
    a read-out, whose membrane after the last timestep is read. `forward` may loop over all
    timesteps, or compute one: then it takes states that may be None, and returns them last, as
    SequentialState does. Where layers loop over time themselves (LIF, LI, Lift), `forward` is
    recorded with one timestep after the other, and its spikes are compared with a run over all
    timesteps at once as well.

    The following is refused by name: other cells, read-outs with v_leak other than 0, the method
    `adjoint`, and what `from_snntorch` refuses.

    Args:
        module: the module; its `forward` takes the input first, and then states, if any.
        input_shape: shape of one sample at one timestep; by default what the first layer takes if
            it is Linear.
        timesteps: T of one inference; by default as many as a loop in `forward` runs, or else 100.
        read: range and scale of integer inputs; its size is ignored. By default inputs are spikes.

    Raises:
        Missing: Norse is not installed.
        UltralifError: a layer or function cannot be taken over, or network and module differ. The
            message names the layer and the reason, or the first spike, current or read-out that
            differs.
    """
    try:
        with warnings.catch_warnings():  # Norse compiles with torch.jit, which is deprecated
            warnings.simplefilter("ignore", DeprecationWarning)
            from ultralif_deploy.readers.norse.neurons import NORSE
    except ImportError as error:
        install = "pip install 'ultralif-deploy[norse]'"
        raise Missing("Norse", install) from error
    return read_module(module, NORSE, input_shape, timesteps, read)
