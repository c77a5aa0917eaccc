"""Runs `program.net` of this folder in Lava, built by lava-dl's own loader.

Usage: python run.py INPUTS.npy OUTPUTS.npz

INPUTS.npy: uint8 [timestep, sample, input]. OUTPUTS.npz: `logits` int64 [sample, class];
`spikes.NAME` uint8 [timestep, sample, neuron] of every population that fires; and the weights and
registers of the processes as `executed.NAME`. Needs lava-nc 0.10, lava-dl 0.6 and h5py.

Lava's images have axes [x, y, channel], a program's [channel, y, x]; one is the other transposed.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import numpy as np  # noqa: E402
from lava_dl import Loaded  # noqa: E402  before anything of Lava
from samples import Samples, run_files  # noqa: E402


def flat(port):
    """The port of a layer as a port [neuron]."""
    return port if len(port.shape) == 1 else port.transpose((2, 1, 0)).flatten()


class Network(Samples):
    """The layers of `program.net`.

    Args:
        inputs: uint8 [timestep, sample, input].
        directory: for the recorded spikes.
    """

    def __init__(self, inputs, directory):
        populations = json.loads((HERE / "network.json").read_text("utf-8"))["populations"]
        super().__init__(inputs, populations, directory)
        self.loaded = Loaded(net_config=str(HERE / "program.net"))
        layers = zip(populations, self.loaded.layers, strict=True)
        self.layers = {p["name"]: layer for p, layer in layers}
        self.cells = {name: layer.neuron for name, layer in self.layers.items()}
        sent = self.source.s_out
        if len(self.loaded.inp.shape) > 1:
            sent = sent.reshape(self.loaded.inp.shape[::-1]).transpose((2, 1, 0))
        sent.connect(self.loaded.inp)
        self.record({name: flat(cell.s_out) for name, cell in self.cells.items()})

    def executed(self):
        """Weights and registers, as the processes hold them."""
        values = {}
        for p in self.populations:
            layer, cell = self.layers[p["name"]], self.cells[p["name"]]
            if layer.block == "Conv":
                weight = layer.synapse.weight.init[:, ::-1, ::-1].transpose(0, 3, 2, 1)
            else:
                weight = layer.synapse.weights.init >> -layer.synapse.proc_params["weight_exp"]
            values[f"{p['projection']}.weight"] = weight
            held = {"decay": cell.dv, "mantissa": cell.bias_mant, "threshold": cell.vth}
            for name, var in held.items():
                spread = np.broadcast_to(var.init, cell.v.shape)
                values[f"{p['name']}.{name}"] = spread.T.reshape(-1)
        return values


if __name__ == "__main__":
    run_files(Network, __doc__)
