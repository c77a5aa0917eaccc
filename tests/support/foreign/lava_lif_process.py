"""Runs a layer of Lava's floating-point LIF. Usage: python lava_lif_process.py GIVEN.npz FOUND.npz.

Started by test_frameworks.py with Lava's own Python, `exporters/lava/runtime` on its path. GIVEN
holds weight [neuron, input], x [sample, time, input], du, dv and threshold; FOUND holds spikes
[sample, time, neuron].
"""

import sys

import lava_compat  # noqa: F401  before anything of Lava
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF


def run(given: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Spikes [time, neuron] of one sample [time, input]."""
    neurons, steps = len(given["weight"]), len(x) + 1  # Dense sends a timestep later
    padded = np.vstack((x, np.zeros((1, x.shape[1]))))
    source, sink = Source(data=padded.T), Sink(shape=(neurons,), buffer=steps)
    dense = Dense(weights=given["weight"])
    leaks = {name: float(given[name]) for name in ("du", "dv")}
    lif = LIF(shape=(neurons,), vth=float(given["threshold"]), **leaks)
    source.s_out.connect(dense.s_in)
    dense.a_out.connect(lif.a_in)
    lif.s_out.connect(sink.a_in)
    lif.run(RunSteps(num_steps=steps), Loihi1SimCfg(select_tag="floating_pt"))
    spikes = sink.data.get().T
    lif.stop()
    return spikes


if __name__ == "__main__":
    arrays = dict(np.load(sys.argv[1]))
    every = np.stack([run(arrays, x.astype(float)) for x in arrays["x"]])
    # What a Dense receives in one timestep reaches the neurons in the next.
    np.savez(sys.argv[2], spikes=every[:, 1:])
