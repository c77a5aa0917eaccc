"""Spike agreement of second-order neurons in fixed point with float, by word length.

Trains a SiLIF and a C-SiLIF network on spoken digits (40 channels, 100 timesteps of 5 ms), in the
way of `second_order_training.py`, and prints Markdown tables about held-out recordings:

1. states and coefficients rounded alone, weights kept in float: each population on the spikes of
   the float network, and both populations one after the other;
2. the smallest word lengths that keep 99.9 % of the float network's spikes;
3. the whole integer program with 8-bit weights, and the accuracy of both read-outs.

A spike is kept when the float network and the integers fire in the same neuron at the same
timestep. The row `float32` is the float network itself in single precision. Trained networks are
kept in the output directory and not trained again. `ultralif data` says where the digits are found.

    python examples/second_order_study.py -o results/second_order
    python examples/second_order_study.py --quick   # one epoch, to see that it runs
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from second_order_training import trained

import ultralif_deploy as ul
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.data.splits import Split
from ultralif_deploy.network.network import Network, Population
from ultralif_deploy.network.running import run_hard, total_current
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program import program
from ultralif_deploy.program.fixed import INT32_MAX
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.quantization.integers import Rounding
from ultralif_deploy.quantization.neurons import integer_neuron
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.quantization.second_order import WordLengths, state_unit
from ultralif_deploy.readers.second_order import read_second_order
from ultralif_deploy.simulators.fast.updates import UPDATES, Block
from ultralif_deploy.soft.checkpoint_file import read_tensors
from ultralif_deploy.verify.backends import load_on

NETWORKS = {"SiLIF": "silif", "C-SiLIF": "csilif"}
STEPS = 100
DIGITS = Binning(bin_ms=5, timesteps=STEPS)
EVENTS = ul.Encoder("events", STEPS)
CALIBRATION = 200
STATE_BITS = (16, 18, 20, 22, 24, 26, 28, 30, 32)
COEFFICIENT_BITS = (8, 10, 12, 14, 16, 18, 20)
WIDEST = WordLengths(32, 20)
KEPT = 0.999


def float_network(path: Path) -> Network:
    """A saved network with batch norm and gain folded."""
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
    _, batch, size = current.shape
    spikes = np.empty(current.shape, dtype=np.uint8)
    state = np.zeros((batch, 2 * size), dtype=np.int64)
    units = np.clip(np.rint(current / unit), -INT32_MAX, INT32_MAX).astype(np.int32)
    bias = np.zeros(size, dtype=np.int64)
    one = program.Population(population.name, size, model, bias, unit)
    UPDATES[type(model)](one)(Block(units, bias, state, spikes))
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


def kept(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], names: list[str]) -> float:
    """Share of the expected spikes of these populations that were found; nan if there are none."""
    fired = sum(np.count_nonzero(expected[name]) for name in names)
    both = sum(np.count_nonzero(found[name] & expected[name]) for name in names)
    return both / fired if fired else math.nan


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

    return {
        "first": kept(alone, expected, names[:1]),
        "second": kept(alone, expected, names[1:]),
        "both": kept(chained, expected, names),
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
    network: Network, inputs: np.ndarray, labels: np.ndarray, calibration: np.ndarray
) -> dict[str, float]:
    """The program with 8-bit weights against the float network, spikes and predictions."""
    expected = run_hard(network, inputs)
    trace = load_on("fast", quantize(network, 8, calibration)).run(inputs, record=True)
    assert trace.spikes is not None
    found: dict[str, float] = {}
    integer = {name: spikes != 0 for name, spikes in trace.spikes.items()}
    for name, spikes in expected.spikes.items():
        found[f"kept {name}"] = kept(integer, expected.spikes, [name])
        found[f"equal {name}"] = float((spikes == integer[name]).mean())
    name = network.populations[-2].name
    predictions = {
        "program": trace.predictions(),
        "float, sum of u": expected.logits.argmax(axis=1),
        "float, sum of softmax(u)": softmax_predictions(network, inputs, expected.spikes[name]),
    }
    for way, predicted in predictions.items():
        found[f"accuracy: {way}"] = float((predicted == labels).mean())
        found[f"predicted as by {way}"] = float((predicted == predictions["program"]).mean())
    return found


def lengths_tried() -> Iterator[tuple[str, WordLengths | None]]:
    """Rows of the table."""
    yield "float32", None
    for bits in STATE_BITS:
        yield f"{bits} / {WIDEST.coefficient_bits}", WordLengths(bits, WIDEST.coefficient_bits)
    for bits in COEFFICIENT_BITS[:-1]:
        yield f"{WIDEST.state_bits} / {bits}", WordLengths(WIDEST.state_bits, bits)


def print_tables(
    label: str, network: Network, test: Split, samples: int, calibration: np.ndarray
) -> dict[str, Any]:
    """Run everything on one network, print it and return it.

    Args:
        label: name of the network.
        network: the float network.
        test: held-out samples; the program is judged on all of them.
        samples: how many of them the rounding is judged on.
        calibration: inputs of the quantization [time, sample, channel].
    """
    assert test.y is not None
    held_out = EVENTS.encode(test.x)
    inputs = held_out[:, :samples]
    expected = run_hard(network, inputs)
    print(f"\n{label}\n")
    print("| state / coefficient bits | first alone | second alone | both | equal values |")
    print("|---|---|---|---|---|")
    rows = {}
    tried = cache(partial(agreement, network, inputs, expected.spikes))
    for name, lengths in lengths_tried():
        rows[name] = found = tried(lengths)
        print(f"| {name} | {' | '.join(f'{100 * v:.2f} %' for v in found.values())} |", flush=True)
    least = {key: smallest(tried, key == "both") for key in ("alone", "both")}
    print(f"\nSmallest that keep {100 * KEPT} %: {least}")
    program = program_agreement(network, held_out, test.y, calibration)
    for name, share in program.items():
        print(f"8-bit weights: {name} {100 * share:.2f} %", flush=True)
    return {"rounding": rows, "program": program, "smallest": least}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("results/second_order"))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.samples = 1, 10
    arguments.output.mkdir(parents=True, exist_ok=True)
    data = ul.load_dataset("fsdd", DIGITS)
    assert data.train is not None
    assert data.train.y is not None
    x, y = data.train.x, data.train.y
    chosen = np.random.default_rng(arguments.seed).permutation(len(x))[:CALIBRATION]
    results: dict[str, Any] = {}
    for label, kind in NETWORKS.items():
        path = arguments.output / f"{kind}.pth"
        if not path.exists():
            torch.save(trained(kind, x, y, arguments.epochs, arguments.seed), path)
        network = float_network(path)
        results[label] = print_tables(
            label, network, data.test, arguments.samples, EVENTS.encode(x[chosen])
        )
    (arguments.output / "second_order.json").write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
