"""Savings by a sparsity penalty and by pruning: spike rates, operations and joules.

    python examples/sparsity_study.py mnist_train.npz -o results/sparsity
    python examples/sparsity_study.py mnist_train.npz --timesteps 1 --lambdas 0 \
        --prune 0 0.5 0.75 -o results/pruning   # anneals the network of the first λ with each share

Trains UltraPLIF 784-64-10 by the authors' protocol (30 epochs, loss + λ·mean spike rate) on the
first 50 000 digits, hardens and quantizes each network to 8 bits as it is, and counts what it does
on the last 10 000, all networks on the same input spikes. The paper's proxy follows the hidden
rate alone; the counted operations include the input's, which no λ changes. Pruned weights of 0 cost
no operation. Trained networks are kept in the output directory and not trained again.
"""

import argparse
from pathlib import Path

import numpy as np

from ultralif_deploy.data import Split, load_dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.energy.devices import load_device
from ultralif_deploy.energy.report import chips_of, energy_report
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.program import Program
from ultralif_deploy.quantization.calibration import calibration_values
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.schema.energy import Device, Energy
from ultralif_deploy.soft import checkpoint, checkpoint_file
from ultralif_deploy.soft.anneal import AnnealOptions, fine_tune
from ultralif_deploy.soft.architectures import Architecture
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.training import constant_plan, evaluate, fit
from ultralif_deploy.verify.backends import load_on

DEVICES = ("paper-proxy", "cmos45", "yan2024", "loihi1", "loihi1-sanafe")


def trained(
    path: Path, train: Split, encoder: Encoder, sparsity: float, epochs: int
) -> SoftNetwork:
    """The soft network of one λ."""
    if not path.exists():
        inputs = int(np.prod(train.x.shape[1:]))
        network = SoftNetwork(Architecture((inputs, 64, 10), "ultratplif"))
        fit(network, train, encoder, constant_plan(epochs), sparsity=sparsity)
        settings = encoder.as_dict() | {"encoding": encoder.kind}
        checkpoint_file.save(path, network, {"epoch": epochs}, settings)
    return checkpoint.load_checkpoint(path).network


def pruned(
    path: Path, soft: SoftNetwork, train: Split, encoder: Encoder, share: float, epochs: int
) -> SoftNetwork:
    """The network annealed with 8-bit weights in the loop, of which a share becomes 0."""
    if not path.exists():
        options = AnnealOptions(epochs, bits=8, prune=share)
        settings = encoder.as_dict() | {"encoding": encoder.kind}
        checkpoint_file.save(path, fine_tune(soft, train, encoder, options), {}, settings)
    return checkpoint.load_checkpoint(path).network


def measured(program: Program, test: Split, encoder: Encoder) -> tuple[float, Energy]:
    """Integer accuracy and the energy report."""
    assert test.y is not None
    devices = [load_device(name) for name in DEVICES]
    counter, executable = EventCounter(program, chips_of(devices)), load_on("fast", program)
    correct = []
    for where, inputs in encoder.blocks(test.x):
        trace = executable.run(inputs, record=True)
        counter.add(inputs, trace)
        correct.append(trace.predictions() == test.y[where])
    return float(np.concatenate(correct).mean()), energy_report(counter.events(), devices)


def figures(
    network: SoftNetwork, train: Split, test: Split, encoder: Encoder
) -> dict[str, float | None]:
    """What one row of the table says."""
    program = quantize(
        apply_passes(harden(network, encoder)), 8, calibration_values(train, encoder), encoder
    )
    soft, rate = evaluate(network, test, encoder, 1.0)
    integer, energy = measured(program, test, encoder)
    hidden = next(p for p in program.populations if p.spikes)
    spikes = energy["populations"][hidden.name]["spikes"]
    after_input = sum(
        p["operations"] for name, p in energy["projections"].items() if name.startswith(hidden.name)
    )
    return {
        "soft accuracy %": 100 * soft,
        "8-bit accuracy %": 100 * integer,
        "soft rate": rate,
        "hard rate": spikes / (encoder.timesteps * hidden.size),
        "operations": energy["synaptic_operations_per_inference"],
        "of them behind the hidden layer": after_input,
        **{f"{name} nJ": _nanojoules(d) for name, d in energy["devices"].items()},
    }


def _nanojoules(device: Device) -> float | None:
    joules = device["per_inference_j"]
    return None if joules is None else 1e9 * joules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default="mnist", help="As --data of ultralif takes it.")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/sparsity"))
    parser.add_argument("--lambdas", type=float, nargs="+", default=[0.0, 0.1])
    parser.add_argument("--prune", type=float, nargs="+", default=[], metavar="SHARE")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--anneal-epochs", type=int, default=20)
    parser.add_argument("--timesteps", type=int, default=10)
    parser.add_argument("--normalize", default="mnist")
    arguments = parser.parse_args()
    dataset = load_dataset(arguments.data)
    assert dataset.train is not None
    arguments.output.mkdir(parents=True, exist_ok=True)
    encoder = Encoder("rate", arguments.timesteps, normalize=arguments.normalize)
    columns, networks = {}, []
    stem = f"ultratplif_T{arguments.timesteps}"
    for sparsity in arguments.lambdas:
        path = arguments.output / f"{stem}_sp{sparsity:g}_seed0.pt"
        networks.append(trained(path, dataset.train, encoder, sparsity, arguments.epochs))
        columns[f"λ = {sparsity:g}"] = networks[-1]
    for share in arguments.prune:
        path = arguments.output / f"{stem}_pruned{share:g}.pt"
        epochs = arguments.anneal_epochs
        annealed = pruned(path, networks[0], dataset.train, encoder, share, epochs)
        columns[f"annealed, {share:.0%} pruned"] = annealed
    print_table(
        {
            name: figures(network, dataset.train, dataset.test, encoder)
            for name, network in columns.items()
        }
    )


def print_table(columns: dict[str, dict[str, float | None]]) -> None:
    """A column for each network, and the ratio of the last to the first."""
    names = list(columns)
    print("| | " + " | ".join([*names, "last / first"]) + " |")
    print("|---|" + "---|" * (len(names) + 1))
    for key in next(iter(columns.values())):
        values = [column[key] for column in columns.values()]
        shown = ["not published" if v is None else f"{v:,.4g}" for v in values]
        first, last = values[0], values[-1]
        ratio = "" if not first or last is None else f"{last / first:.2f}"
        print("| " + " | ".join([key, *shown, ratio]) + " |")


if __name__ == "__main__":
    main()
