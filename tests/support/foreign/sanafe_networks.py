"""Programs placed on cores, run by us and by SANA-FE, which has a process of its own."""

import functools
import itertools
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from support.networks.counted import Links, assembled, matrices, with_zeros
from ultralif_deploy.chips import chip
from ultralif_deploy.chips.placement import fan_out_by_core
from ultralif_deploy.chips.registers import registers
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, Projection
from ultralif_deploy.program.neurons import LIF, Integrator, NeuronModel, Threshold
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.simulators.loihi import simulator as loihi
from ultralif_deploy.simulators.reference import simulator as reference

PYTHON = "ULTRALIF_SANAFE_PYTHON"
PROCESS = Path(__file__).with_name("sanafe_process.py")

CORES, TILE_CORES, ROW, COLUMN = 128, 4, 8, 4
"""Cores of the chip and of a tile; we number tiles row by row, SANA-FE column by column."""


def networks(rng: np.random.Generator) -> dict[str, tuple[int, Program]]:
    """By name: the most neurons that a core may hold, and the program."""

    def thresholds(_name: str, size: int) -> NeuronModel:
        return Threshold(rng.integers(2, 14, size))

    def leaky(_name: str, size: int) -> NeuronModel:
        return LIF(64 * rng.integers(5, 13, size), np.full(size, 700), np.zeros(size))

    def below_zero(size: int) -> np.ndarray:
        return rng.integers(-2, 1, size)

    def chain(*sizes: int, more: Links | None = None) -> list[Projection]:
        names = (INPUT, *("p0", "p1")[: len(sizes) - 2], "out")
        named = dict(zip(names, sizes, strict=True))
        return matrices(rng, named, [*itertools.pairwise(named), *(more or [])])

    first = Conv2d(with_zeros(rng, 3, 2, 3, 3), (2, 7, 6), padding=(1, 1))
    second = Conv2d(with_zeros(rng, 4, 3, 3, 3), first.output_shape, (2, 2), (1, 1))
    convolutions = [
        Projection(INPUT, "p0", first),
        Projection("p0", "p1", second),
        *matrices(rng, {"p1": second.target_size, "out": 10}, [("p1", "out")]),
    ]
    again = chain(30, 25, 20, 10, more=[("p0", "p0")])
    return {
        "one core per layer": (1024, assembled(chain(64, 32, 10), thresholds)),
        "many tiles": (3, assembled(chain(40, 50, 30, 10), thresholds)),
        "biases": (16, assembled(chain(30, 40, 40, 5), thresholds, bias=below_zero)),
        "leak": (16, assembled(chain(64, 40, 24, 10), leaky)),
        "convolutions": (24, assembled(convolutions, thresholds)),
        "recurrent": (10, assembled(again, leaky)),
    }


NETWORKS = networks(np.random.default_rng(0))
FEED_FORWARD = [name for name, (_, program) in NETWORKS.items() if not program.delayed]


@dataclass(frozen=True, slots=True)
class Case:
    """A program placed on cores, run by us and by SANA-FE.

    Attributes:
        program, inputs, made, trace: ours; T timesteps.
        steps: of the chip, T + L.
        core: per population and for the input, SANA-FE's core of every neuron, int64 [neuron].
        spikes: on the chip, per population and for the input, uint8 [step, sample, neuron].
        found: SANA-FE's results per sample.
    """

    program: Program
    inputs: np.ndarray
    made: loihi.Loihi
    trace: Trace
    steps: int
    core: dict[str, np.ndarray]
    spikes: dict[str, np.ndarray]
    found: list[dict[str, Any]]

    def depth(self, name: str) -> int:
        return 0 if name == INPUT else self.made.placement.populations[name].depth

    def reach(self, name: str) -> dict[str, np.ndarray]:
        """Operations of a spike of each neuron at SANA-FE's cores, [neuron, core], by target."""
        return {
            q.target: fan_out_by_core(
                self.made.placement.synapses[q.name], self.core[q.target], 128
            )
            for q in self.program.projections
            if q.source == name
        }


@functools.cache
def case(name: str) -> Case:
    """A network of `NETWORKS` on 3 samples, a quarter of whose inputs are spikes."""
    neurons, program = NETWORKS[name]
    rng = np.random.default_rng([*name.encode()])
    limits = chip("loihi1")
    limits = replace(limits, limits=limits.limits | {"neurons": neurons})
    made = loihi.Loihi(program, limits, registers, loihi.STOCK_WEIGHT)
    inputs = (rng.random((program.timesteps, 3, program.input.size)) < 0.25).astype(np.uint8)
    placed = made.placement.populations
    steps = program.timesteps + max(p.depth for p in placed.values())
    core = {k: numbered(made.placement.numbers_of(k)[p.core]) for k, p in placed.items()}
    core[INPUT] = numbered(np.full(program.input.size, CORES - TILE_CORES))  # a tile of its own
    # The chip runs on without input until the read-out has seen the last timestep.
    silent = np.zeros((steps - len(inputs), *inputs.shape[1:]), dtype=np.uint8)
    longer = reference.load(program).run(np.concatenate([inputs, silent]), record=True)
    assert longer.spikes is not None
    spikes = {INPUT: np.concatenate([inputs, silent])}
    for population in program.populations:
        shape = (steps, inputs.shape[1], population.size)
        spikes[population.name] = np.zeros(shape, dtype=np.uint8)
        if population.spikes:
            depth = placed[population.name].depth
            spikes[population.name][depth:] = longer.spikes[population.name][: steps - depth]
    trace = made.run(inputs, record=True)
    found = run_sanafe(program, made, core, spikes[INPUT], steps)
    return Case(program, inputs, made, trace, steps, core, spikes, found)


def numbered(core: np.ndarray) -> np.ndarray:
    """SANA-FE's numbers of our cores at the same places of the mesh."""
    tile, of_tile = np.divmod(core, TILE_CORES)
    y, x = np.divmod(tile, ROW)
    return (x * COLUMN + y) * TILE_CORES + of_tile


def membrane(population: Population) -> dict[str, np.ndarray]:
    """Decay, threshold, bias and reset as of an LIF, in membrane units, int64 [neuron]."""
    zeros = np.zeros(population.size, dtype=np.int64)
    neuron = population.neuron
    if isinstance(neuron, LIF):
        assert neuron.reset_mode == "value"
        values = (neuron.decay, neuron.threshold, population.bias, neuron.reset)
    elif isinstance(neuron, Threshold):
        values = (zeros + 4096, 64 * neuron.threshold, 64 * population.bias, zeros)
    else:
        assert isinstance(neuron, Integrator)
        values = (zeros, zeros + 2**50, 64 * population.bias, zeros)
    keys = ("decay", "threshold", "bias", "reset")
    return {k: zeros + v for k, v in zip(keys, values, strict=True)}


def run_sanafe(
    program: Program,
    made: loihi.Loihi,
    core: dict[str, np.ndarray],
    inputs: np.ndarray,
    steps: int,
) -> list[dict[str, Any]]:
    """SANA-FE's results per sample for inputs [step, sample, neuron]."""
    groups: dict[str, Any] = {INPUT: {"cores": core[INPUT].tolist()}}
    for population in program.populations:
        values = membrane(population)
        real = {
            "leak_decay": 1 - values["decay"] / 4096,
            "threshold": values["threshold"] / 64,
            "bias": values["bias"] / 64,
            "reset": values["reset"] / 64,
        }
        groups[population.name] = {
            "cores": core[population.name].tolist(),
            "registers": {k: v.tolist() for k, v in real.items()},
        }
    synapses = []
    for q in program.projections:
        rows = made.placement.synapses[q.name].tocoo()
        synapses.append(
            {
                "source": q.source,
                "target": q.target,
                "ends": np.stack(rows.coords, axis=1).tolist(),
                "weight": rows.data.astype(float).tolist(),
            }
        )
    network = {
        "groups": groups,
        "synapses": synapses,
        "readout": program.readout.name,
        "samples": inputs.transpose(1, 2, 0).tolist(),
        "steps": steps,
    }
    with tempfile.TemporaryDirectory() as directory:
        given, found = Path(directory) / "given.json", Path(directory) / "found.json"
        given.write_text(json.dumps(network), "utf-8")
        subprocess.run(
            [os.environ[PYTHON], str(PROCESS), str(given), str(found)],
            check=True,
            capture_output=True,
            timeout=300,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        results: list[dict[str, Any]] = json.loads(found.read_text("utf-8"))
    return results
