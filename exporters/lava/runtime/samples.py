"""Runs samples one after another through a network of Lava processes and records the spikes.

A population at depth d acts d timesteps late, so a sample takes T + the largest depth. Populations
with memory are reset to their initial state when their first input arrives; on a chip, a management
core does this. After every sample, standard output gets one line with the number of samples done.
"""

import multiprocessing
import sys
import tempfile
from pathlib import Path

import lava_compat  # noqa: F401  before anything of Lava
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.source import RingBuffer
from neurons import process


class Samples:
    """Runs samples through a network. Subclasses build the network.

    Args:
        inputs: uint8 [timestep, sample, input].
        populations: as `network.json` describes them, in order.
        directory: for the recorded spikes.
    """

    def __init__(self, inputs, populations, directory):
        self.time, self.samples, _ = inputs.shape
        self.populations = populations
        self.directory = directory
        self.period = self.time + max(p["depth"] for p in populations)
        padding = ((0, self.period - self.time), (0, 0), (0, 0))
        stream = np.pad(inputs, padding).transpose(2, 1, 0).reshape(inputs.shape[2], -1)
        self.source = RingBuffer(data=stream.astype(np.int32))
        self.cells, self.records = {}, {}
        self.config = Loihi2SimCfg(select_tag="fixed_pt")

    def record(self, ports):
        """Connect a recorder to the spike port [neuron] of every population.

        The recorders are connected to each other, because Lava runs only processes that are
        connected to the one that it starts.
        """
        before = None
        for p in self.populations:
            shape = (max(1, self.samples * self.period), p["size"])
            path = Path(self.directory) / f"{len(self.records)}.bin"
            self.records[p["name"]] = np.memmap(path, dtype=np.uint8, mode="w+", shape=shape)
            recorder = process.Recorder(path=str(path), timesteps=shape[0], neurons=shape[1])
            ports[p["name"]].connect(recorder.a_in)
            if before is not None:
                before.tie_out.connect(recorder.tie_in)
            before = recorder

    def reset(self, p):
        """Put a population into its initial state."""
        membrane = self.cells[p["name"]].v
        membrane.set(np.zeros(membrane.shape, dtype=int))

    def logits(self, p):
        """Membrane potentials of the read-out in the program's units, int64 [class]."""
        membrane = np.asarray(self.cells[p["name"]].v.get()).astype(np.int64)
        # A map [x, y, channel] of Lava is one of a program [channel, y, x] transposed.
        return membrane.T.reshape(-1) // p["logit_unit"]

    def run(self):
        """Logits [sample, class] and spikes by population [timestep, sample, neuron]."""
        logits = np.zeros((self.samples, self.populations[-1]["size"]), dtype=np.int64)
        try:
            for sample in range(self.samples):
                logits[sample] = self.sample()
                print(f"{sample + 1} of {self.samples} samples", flush=True)
        except BaseException:  # otherwise Lava's processes wait for ever
            for started in multiprocessing.active_children():
                started.kill()
            raise
        if self.samples:
            self.source.stop()
        spikes = {}
        for p in self.populations:
            if p["spikes"]:
                flat = self.records[p["name"]][: self.samples * self.period]
                recorded = flat.reshape(self.samples, self.period, p["size"])
                aligned = recorded[:, p["depth"] : p["depth"] + self.time]
                spikes[p["name"]] = aligned.transpose(1, 0, 2)
        return logits, spikes

    def sample(self):
        """Run the next sample; returns its logits [class]."""
        readout = self.populations[-1]
        final = readout["depth"] + self.time
        begins = {p["depth"] for p in self.populations if p["remembers"]}
        done, logits = 0, None
        for stop in sorted(begins | {final, self.period}):
            self.source.run(condition=RunSteps(num_steps=stop - done), run_cfg=self.config)
            done = stop
            for p in self.populations:
                if p["depth"] == stop and p["remembers"]:
                    self.reset(p)
            if stop == final:
                logits = self.logits(readout)
        return logits


def run_files(build, usage):
    """Run the input file of the command line and write the output file."""
    if len(sys.argv) != 3:
        sys.exit(usage)
    inputs = np.load(sys.argv[1], allow_pickle=False)
    with tempfile.TemporaryDirectory() as directory:
        network = build(inputs, directory)
        logits, spikes = network.run()
        executed = {f"executed.{name}": a for name, a in network.executed().items()}
        found = {f"spikes.{name}": a for name, a in spikes.items()}
        np.savez(sys.argv[2], logits=logits, **found, **executed)
