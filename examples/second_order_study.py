"""Spike agreement of second-order neurons in fixed point with float, by word length.

Runs the published SiLIF and C-SiLIF networks (spiking speech commands, 140 channels) on spoken
digits brought from 40 to 140 channels and on random bursts, T = 100, and prints Markdown tables:

1. states and coefficients rounded alone, weights kept in float: each population on the spikes of
   the float network, and both populations one after the other;
2. the smallest word lengths that keep 99.9 % of the float network's spikes;
3. the whole integer program with 8-bit weights, and the predictions of the read-out.

A spike is kept when the float network and the integers fire in the same neuron at the same
timestep. The row `float32` is the float network itself in single precision.

python examples/second_order_study.py networks -o results/second_order
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.network.network import Network, Population
from ultralif_deploy.network.running import (
    HardTrace,
    run_hard,
    total_current,
)
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.quantization.integers import Rounding
from ultralif_deploy.quantization.neurons import integer_neuron
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.quantization.second_order import WordLengths, state_unit
from ultralif_deploy.readers.second_order import read_second_order
from ultralif_deploy.simulators.fast.updates import UPDATES, Block
from ultralif_deploy.soft.checkpoint_file import read_tensors
from ultralif_deploy.verify.backends import load_on

NETWORKS = {"SiLIF": "silif_ssc.pth", "C-SiLIF": "csilif_ssc.pth"}
CHANNELS, STEPS = 140, 100
STATE_BITS = (16, 18, 20, 22, 24, 26, 28, 30, 32)
COEFFICIENT_BITS = (8, 10, 12, 14, 16, 18, 20)
WIDEST = WordLengths(32, 20)
KEPT = 0.999


def digits(path: Path, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Spoken digits uint8 [time, sample, 140]: nearest of 40 channels, jittered by half a one."""
    with np.load(path, allow_pickle=False) as data:
        packed = data["x_train"]
    chosen = packed[rng.choice(len(packed), samples, replace=False)]
    spikes = np.unpackbits(chosen, axis=1)[:, : STEPS * 40].reshape(-1, STEPS, 40)
    place = (np.arange(CHANNELS) + 0.5) / CHANNELS * 40 - 0.5
    nearest = np.rint(place + rng.uniform(-0.5, 0.5, (samples, 1, CHANNELS)))
    source = np.broadcast_to(np.clip(nearest, 0, 39), (samples, STEPS, CHANNELS)).astype(np.int64)
    return np.ascontiguousarray(np.take_along_axis(spikes, source, axis=2).swapaxes(0, 1))


def bursts(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Spikes uint8 [time, sample, 140]: 2 % everywhere, 22 % in bursts of 10 steps, 10 channels."""
    share = rng.random((STEPS // 10, samples, CHANNELS // 10)) < 0.15
    rate = 0.02 + 0.2 * np.repeat(np.repeat(share, 10, axis=0), 10, axis=2)
    return (rng.random(rate.shape) < rate).astype(np.uint8)


def float_network(path: Path) -> Network:
    """A published network with batch norm and gain folded."""
    found = read_second_order(path, read_tensors(path), neuron=None, timesteps=STEPS)
    return apply_passes(found.network)


def rounded_spikes(population: Population, current: np.ndarray, lengths: WordLengths) -> np.ndarray:
    """Spikes of the integer model on float currents rounded to its state unit."""
    neuron: Any = population.neuron
    unit = state_unit(neuron, lengths)
    whole = Rounding(
        name=population.name,
        scale=unit,
        unit=unit,
        reaches=np.ones(len(unit), dtype=bool),
        largest=unit,
        lengths=lengths,
    )
    model, _ = integer_neuron(neuron, whole)
    parameters = {k: v.astype(np.int64) for k, v in model.parameters().items()}
    _, batch, size = current.shape
    spikes = np.empty(current.shape, dtype=np.uint8)
    state = np.zeros((batch, 2 * size), dtype=np.int64)
    units = np.rint(current / unit).astype(np.int64)
    bias = np.zeros(size, dtype=np.int64)
    UPDATES[type(model)](model, parameters, Block(units, bias, state, spikes))
    return spikes != 0


def single_precision(population: Population, current: np.ndarray, _: WordLengths) -> np.ndarray:
    """Spikes of the float model in float32."""
    neuron: Any = population.neuron
    arrays = {f.name: getattr(neuron, f.name).astype(np.float32) for f in fields(neuron)}
    single = replace(neuron, **arrays)
    state = single.initial_state(current.shape[1:]).astype(np.float32)
    spikes = np.empty(current.shape, dtype=bool)
    for t, now in enumerate(current.astype(np.float32)):
        spikes[t], _, state = single.step(now, state)
    assert state.dtype == np.float32
    return spikes


def agreement(
    network: Network,
    inputs: np.ndarray,
    expected: dict[str, np.ndarray],
    lengths: WordLengths | None,
) -> dict[str, float]:
    """Share of the float network's spikes that rounded states and coefficients keep.

    Returns:
        `first` and `second`: each population alone, on the spikes of the float network;
        `both`: the second population on the rounded spikes of the first, both counted;
        `equal`: equal values among all values, spike or no spike, in that run.
    """
    run = single_precision if lengths is None else rounded_spikes
    lengths = lengths or WIDEST
    names = list(expected)
    alone, chained = dict(expected), {}
    signals: dict[str, np.ndarray] = {INPUT: inputs.astype(np.float64)}
    for population in network.populations[:-1]:
        name = population.name
        current = total_current(network, population, signals)
        chained[name] = signals[name] = alone[name] = run(population, current, lengths)
        if name != names[0]:
            current = total_current(network, population, signals | expected)
            alone[name] = run(population, current, lengths)

    def kept(found: dict[str, np.ndarray], of: list[str]) -> float:
        both = sum(np.count_nonzero(found[n] & expected[n]) for n in of)
        return both / sum(np.count_nonzero(expected[n]) for n in of)

    return {
        "first": kept(alone, names[:1]),
        "second": kept(alone, names[1:]),
        "both": kept(chained, names),
        "equal": float(np.mean([(chained[n] == expected[n]).mean() for n in names])),
    }


def smallest(
    tried: Callable[[WordLengths | None], dict[str, float]], chained: bool
) -> tuple[int, int] | None:
    """Fewest state bits that keep 99.9 % with widest coefficients, then fewest coefficient bits.

    Args:
        tried: the agreement that word lengths give.
        chained: count both populations one after the other, else the worse of the two alone.
    """

    def enough(lengths: WordLengths) -> bool:
        found = tried(lengths)
        return (found["both"] if chained else min(found["first"], found["second"])) >= KEPT

    for state in range(STATE_BITS[0], STATE_BITS[-1] + 1):
        if enough(WordLengths(state, WIDEST.coefficient_bits)):
            for bits in range(COEFFICIENT_BITS[0], WIDEST.coefficient_bits + 1):
                if enough(WordLengths(state, bits)):
                    return state, bits
    return None


def softmax_predictions(network: Network, inputs: np.ndarray, spikes: np.ndarray) -> np.ndarray:
    """Predictions of the authors' read-out, the sum over timesteps of softmax(u)."""
    readout = network.populations[-1]
    signals = {INPUT: inputs, network.populations[-2].name: spikes}
    current = total_current(network, readout, signals)
    total = readout.neuron.run(current)[1]
    u = np.diff(total, axis=0, prepend=0)
    e = np.exp(u - u.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)).sum(axis=0).argmax(axis=-1)


def program_agreement(
    network: Network, inputs: np.ndarray, calibration: np.ndarray, expected: HardTrace
) -> dict[str, float]:
    """The program with 8-bit weights against the float network."""
    program = quantize(network, 8, calibration)
    trace = load_on("fast", program).run(inputs, record=True)
    assert trace.spikes is not None
    found: dict[str, float] = {}
    for name, spikes in expected.spikes.items():
        both = np.count_nonzero(spikes & (trace.spikes[name] != 0))
        found[f"kept {name}"] = both / np.count_nonzero(spikes)
        found[f"equal {name}"] = float((spikes == (trace.spikes[name] != 0)).mean())
    name = network.populations[-2].name
    softmax = softmax_predictions(network, inputs, expected.spikes[name])
    total = expected.logits.argmax(axis=1)
    found["predictions: program, float sum of u"] = float((trace.predictions() == total).mean())
    found["predictions: float sum of u, softmax"] = float((total == softmax).mean())
    found["predictions: program, softmax"] = float((trace.predictions() == softmax).mean())
    return found


def lengths_tried() -> Iterator[tuple[str, WordLengths | None]]:
    """Rows of the table."""
    yield "float32", None
    for bits in STATE_BITS:
        yield f"{bits} / {WIDEST.coefficient_bits}", WordLengths(bits, WIDEST.coefficient_bits)
    for bits in COEFFICIENT_BITS[:-1]:
        yield f"{WIDEST.state_bits} / {bits}", WordLengths(WIDEST.state_bits, bits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path, help="holds checkpoints/ and data/")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/second_order"))
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    spoken = digits(arguments.shared / "data/fsdd_spikes_train.npz", arguments.samples + 100, rng)
    calibration, spoken = spoken[:, :100], spoken[:, 100:]
    stimuli = {"digits": spoken, "bursts": bursts(arguments.samples, rng)}
    results: dict[str, Any] = {}
    for label, file in NETWORKS.items():
        network = float_network(arguments.shared / "checkpoints" / file)
        for stimulus, inputs in stimuli.items():
            expected = run_hard(network, inputs)
            reach = max(
                float(np.abs(expected.margins[p.name] / p.neuron.threshold + 1).max())
                for p in network.populations[:-1]
            )
            print(f"\n{label}, {stimulus}: largest first state word {reach:.0f} thresholds\n")
            print("| state / coefficient bits | first alone | second alone | both | equal values |")
            print("|---|---|---|---|---|")
            rows = {}
            tried = cache(partial(agreement, network, inputs, expected.spikes))
            for name, lengths in lengths_tried():
                rows[name] = found = tried(lengths)
                cells = " | ".join(f"{100 * v:.2f} %" for v in found.values())
                print(f"| {name} | {cells} |", flush=True)
            program = program_agreement(network, inputs, calibration, expected)
            least = {key: smallest(tried, key == "both") for key in ("alone", "both")}
            print(f"\nSmallest that keep {100 * KEPT} %: {least}")
            for name, share in program.items():
                print(f"8-bit weights: {name} {100 * share:.2f} %", flush=True)
            results[f"{label}, {stimulus}"] = {
                "rounding": rows,
                "program": program,
                "smallest": least,
                "reach": reach,
            }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "second_order.json").write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
