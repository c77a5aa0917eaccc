"""Runs the network of this folder in Lava.

Usage: python run.py INPUTS.npy OUTPUTS.npz

INPUTS.npy: uint8 [timestep, sample, input]. OUTPUTS.npz: `logits` int64 [sample, class];
`spikes.NAME` uint8 [timestep, sample, neuron] of every population that fires; and the weights and
registers of the processes as `executed.NAME`. Needs only lava-nc 0.10.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import lava_compat  # noqa: E402, F401  before anything of Lava
import numpy as np  # noqa: E402
from lava.proc.conv.process import Conv  # noqa: E402
from lava.proc.dense.process import Dense  # noqa: E402
from lava.proc.lif.process import LIF  # noqa: E402
from lava.proc.sparse.process import Sparse  # noqa: E402
from lava.utils.weightutils import SignMode  # noqa: E402
from neurons import process  # noqa: E402
from samples import Samples, run_files  # noqa: E402
from scipy.sparse import identity  # noqa: E402


class Network(Samples):
    """The processes of `network.json` with the arrays of `network.npz`.

    Args:
        inputs: uint8 [timestep, sample, input].
        directory: for the recorded spikes.
    """

    def __init__(self, inputs, directory):
        self.described = json.loads((HERE / "network.json").read_text("utf-8"))
        with np.load(HERE / "network.npz", allow_pickle=False) as file:
            self.arrays = dict(file)
        super().__init__(inputs, self.described["populations"], directory)
        self.cells = {p["name"]: self.population(p) for p in self.populations}
        self.synapses = {p["name"]: self.projection(p) for p in self.described["projections"]}
        self.record({name: cell.s_out for name, cell in self.cells.items()})

    def array(self, owner, name):
        return self.arrays[f"{owner}.{name}"].astype(np.int64)

    def population(self, p):
        arrays = {name: self.array(p["name"], name) for name in p["arrays"]}
        if p["process"] == "stock":
            return LIF(
                shape=(p["size"],),
                du=4095,
                dv=arrays["decay"],
                bias_mant=arrays["mantissa"],
                bias_exp=p["exponent"],
                vth=arrays["threshold"],
            )
        return getattr(process, p["process"])(**arrays, **p["structure"])

    def projection(self, p):
        """Processes of a projection: synapses, and relays that wait for `delay` timesteps."""
        sent = self.source.s_out if p["source"] == "input" else self.cells[p["source"]].s_out
        bits = p["message_bits"]
        size = sent.shape[0]
        for _ in range(p["delay"]):
            relay = Sparse(weights=identity(size, dtype=int, format="csr"), num_message_bits=bits)
            sent.connect(relay.s_in)
            sent = relay.a_out
        target = self.cells[p["target"]].a_in
        if p["kind"] == "conv":
            # Lava's Conv has axes (x, y, channel) and flips its kernel.
            weight = self.array(p["name"], "weight").transpose(0, 3, 2, 1)[:, ::-1, ::-1]
            synapses = Conv(
                weight=weight,
                input_shape=tuple(reversed(p["input_shape"])),
                padding=tuple(reversed(p["padding"])),
                stride=tuple(reversed(p["stride"])),
                dilation=tuple(reversed(p["dilation"])),
                groups=p["groups"],
                num_message_bits=bits,
            )
            sent.reshape(tuple(p["input_shape"])).transpose((2, 1, 0)).connect(synapses.s_in)
            synapses.a_out.transpose((2, 1, 0)).reshape(target.shape).connect(target)
            return synapses
        if p["kind"] == "identity":
            weights = identity(size, dtype=int, format="csr")
            synapses = Sparse(weights=weights, num_message_bits=bits)
        else:
            # Doubled at exponent -1: weights of mixed sign keep even values alone. Left to itself
            # Lava takes weights up to 0 for inhibitory ones, and those end at -255.
            synapses = Dense(
                weights=2 * self.array(p["name"], "weight"),
                weight_exp=-1,
                num_message_bits=bits,
                sign_mode=SignMode.MIXED,
            )
        sent.connect(synapses.s_in)
        synapses.a_out.connect(target)
        return synapses

    def reset(self, p):
        cell = self.cells[p["name"]]
        if p["process"] == "stock":
            super().reset(p)
        else:
            cell.state.set(self.array(p["name"], "state"))
        for q in self.described["projections"]:
            if q["target"] == p["name"] and q["loop"]:
                synapses = self.synapses[q["name"]]
                waiting = synapses.a_buf if q["kind"] == "conv" else synapses.a_buff
                waiting.set(np.zeros(waiting.shape, dtype=int))

    def logits(self, p):
        if p["process"] == "stock":
            return super().logits(p)
        return np.asarray(self.cells[p["name"]].state.get())[0]

    def executed(self):
        """Weights and registers, as the processes hold them."""
        values = {}
        for q in self.described["projections"]:
            synapses = self.synapses[q["name"]]
            if q["kind"] == "conv":
                turned = synapses.weight.init[:, ::-1, ::-1]
                values[f"{q['name']}.weight"] = turned.transpose(0, 3, 2, 1)
            elif q["kind"] == "dense":
                values[f"{q['name']}.weight"] = synapses.weights.init // 2
        for p in self.populations:
            cell = self.cells[p["name"]]
            if p["process"] == "stock":
                held = {"decay": cell.dv, "mantissa": cell.bias_mant, "threshold": cell.vth}
            else:
                held = {name: getattr(cell, name) for name in p["arrays"]}
            values |= {f"{p['name']}.{name}": var.init for name, var in held.items()}
        return values


if __name__ == "__main__":
    run_files(Network, __doc__)
