"""Accuracy of several neurons on temporal data, soft and hard; makes a table of docs/temporal.md.

    python examples/temporal_study.py -o results/temporal
    python examples/temporal_study.py --data fsdd --neurons UltraDLIF \
        --learning-rate 3e-4 -o results/slow     # one row under another schedule
    python examples/temporal_study.py --seed 1 -o results/temporal-1   # the same from other weights
    python examples/temporal_study.py -o results/temporal --tables
    python examples/temporal_study.py --quick   # two epochs, to see that it runs

Spoken digits on 40 channels in 25 frames of 40 ms, once in their authors' split and once with a
speaker held out, and event-camera digits in 20 frames of 2·34·34 counts. All are found by name, as
`ultralif data` lists them. Trains two layers of 128 with each neuron, then anneals with 8-bit
weights in the loop, deploys and measures with `ultralif_deploy.deploy`, which also compares the
back ends spike for spike. Finished rows are kept in the output directory and not run again. About
20 minutes on two cores. `--tables` then shows what the size of LogMaxLIF's correction table does.
"""

import argparse
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ultralif_deploy as ul
from ultralif_deploy.data.binning import Binning
from ultralif_deploy.quantization.calibration import calibration_values

HIDDEN = (128, 128)
CLASSES = 10

TABLES = (1, 2, 4, 8, 16, 32, 64, 256)


@dataclass(frozen=True, slots=True)
class Row:
    """A neuron of the study.

    Attributes:
        name: in the table.
        kind: the authors' key.
        theta: θ.
        learning_rate: of the annealing.
        membrane: what becomes of a max-plus membrane.
        spike_bits: bits of the hidden neurons' spikes.
    """

    name: str
    kind: str
    theta: float
    learning_rate: float
    membrane: str | None = None
    spike_bits: int = 1


ROWS = (
    Row("UltraPLIF", "ultratplif", 1.0, 3e-3, "hard"),
    Row("LogMaxLIF", "ultratplif", 1.0, 3e-3, "soft"),
    Row("UltraPLIF-3", "ultratplif", 1.0, 3e-3, spike_bits=3),
    Row("UltraDLIF", "ultradlif", 0.0, 3e-3),
    Row("UltraDLIF-3", "ultradlif", 0.0, 3e-3, spike_bits=3),
    Row("PLIF", "plif", 1.0, 1e-3),
    Row("PLIF-3", "plif", 1.0, 1e-3, spike_bits=3),
)
"""Rows of one kind are one soft network, hardened in several ways; -3 has spikes of 3 bits."""

SOUND = Binning(bin_ms=40, timesteps=25)
DATA = {
    "fsdd": ("fsdd", SOUND),
    "fsdd-speaker": ("fsdd:yweweler", SOUND),
    "nmnist": ("nmnist-sample", Binning()),
}
"""By name in the table: what `load_dataset` takes."""


def write_frames(name: str, path: Path) -> None:
    """Bring a data set into frames, once."""
    if path.exists():
        return
    data = ul.load_dataset(*DATA[name])
    train, test = data.train, data.test
    assert train is not None
    assert train.y is not None
    assert test.y is not None
    # In a fixed random order, because training watches the last samples.
    order = np.random.default_rng(1).permutation(len(train.x))
    x, y = train.x[order], train.y[order]
    np.savez_compressed(path, x_train=x, y_train=y, x_test=test.x, y_test=test.y)


def run_group(name: str, rows: list[Row], options: argparse.Namespace) -> None:
    """Train one soft network and deploy it in each way that `rows` ask for."""
    import torch

    from ultralif_deploy.soft.architectures import Architecture
    from ultralif_deploy.soft.checkpoint_file import save
    from ultralif_deploy.soft.training import constant_plan, fit

    torch.set_num_threads(1)
    data = options.output / f"{name}.npz"
    kind, theta = rows[0].kind, rows[0].theta
    soft = options.output / f"{name}-{kind}.pt"
    if not soft.exists():
        train = ul.load_dataset(data).train
        assert train is not None
        timesteps, inputs = train.x.shape[1], int(np.prod(train.x.shape[2:]))
        architecture = Architecture((inputs, *HIDDEN, CLASSES), kind, theta=theta)
        network = ul.SoftNetwork(architecture, options.seed)
        encoder = ul.Encoder("events", timesteps, seed=options.seed)
        fit(network, train, encoder, constant_plan(options.epochs))
        how = {"encoding": "events", "timesteps": timesteps}
        save(soft, network, {"epoch": options.epochs}, how)
    for row in rows:
        directory = options.output / f"{name}-{row.name}"
        if (directory / "report.json").exists():
            continue
        annealing = ul.AnnealOptions(
            epochs=options.anneal_epochs,
            learning_rate=options.learning_rate or row.learning_rate,
            bits=8,
        )
        settings = ul.Settings(
            data=data,
            encoding="events",
            membrane=row.membrane,
            spike_bits=row.spike_bits,
            seed=options.seed,
        )
        ul.deploy(soft, directory, settings, bits=8, anneal=annealing, certified_samples=20)
        print(table_row(name, row, read_report(directory)), flush=True)


def run_all(groups: list[tuple[str, list[Row]]], options: argparse.Namespace) -> None:
    """`run_group` of all groups, on so many processes at once."""
    if options.jobs == 1:
        for group in groups:
            run_group(*group, options)
        return
    context = multiprocessing.get_context("spawn")  # torch must not be forked
    with ProcessPoolExecutor(options.jobs, context) as pool:
        for done in [pool.submit(run_group, *group, options) for group in groups]:
            done.result()


def read_report(directory: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return report


def table_row(name: str, row: Row, report: dict[str, Any]) -> str:
    """Accuracies in per cent, and the gap soft minus integer with its 95 % interval in points."""
    accuracy = report["accuracy"]
    cells = [f"{100 * accuracy[key]:.1f}" for key in ("soft", "hard_naive", "hard", "integer")]
    low, high = accuracy["gap_ci95"]
    gap = f"{accuracy['gap_soft_integer']:+.1f} ({low:+.1f} to {high:+.1f})"
    samples = str(report["data"]["samples"])
    return "| " + " | ".join([name, samples, row.name, *cells, gap]) + " |"


def print_tables(name: str, options: argparse.Namespace) -> None:
    """Accuracy and spike agreement with the exact correction, by size of the table."""
    dataset = ul.load_dataset(options.output / f"{name}.npz")
    assert dataset.train is not None
    encoder = ul.Encoder("events", dataset.test.x.shape[1])
    annealed = ul.load_checkpoint(options.output / f"{name}-LogMaxLIF" / "annealed.pt").network
    network = ul.apply_passes(ul.harden(annealed, encoder, encoder.largest(dataset.test.x)))
    values = encoder.encode(dataset.test.x)
    exact = ul.run_hard(network, values)
    labels = dataset.test.y
    print(f"| {name} | exact | {100 * (exact.logits.argmax(1) == labels).mean():.1f} | 100 |")
    calibration = calibration_values(dataset.train, encoder)
    for entries in TABLES:
        program = ul.quantize(network, 8, calibration, encoder, table=entries)
        trace = ul.load_on("fast", program).run(values, record=True)
        same = [np.mean(spikes == exact.spikes[k]) for k, spikes in (trace.spikes or {}).items()]
        accuracy = 100 * (trace.predictions() == labels).mean()
        print(f"| {name} | {entries} | {accuracy:.1f} | {100 * np.mean(same):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("results/temporal"))
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    names = [row.name for row in ROWS]
    parser.add_argument("--neurons", nargs="+", choices=names, default=names)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--anneal-epochs", type=int, default=30)
    parser.add_argument("--learning-rate", type=float, help="Of the annealing, for all neurons.")
    parser.add_argument(
        "--seed", type=int, default=0, help="Of the initial weights and the order of samples."
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--tables", action="store_true")
    options = parser.parse_args()
    if options.tables:
        print("| data | entries | integer accuracy | spikes as exact |\n|---|---|---|---|")
        for name in options.data:
            print_tables(name, options)
        return
    if options.quick:
        options.epochs = options.anneal_epochs = 2
    options.output.mkdir(parents=True, exist_ok=True)
    chosen = [row for row in ROWS if row.name in options.neurons]
    groups = []
    for name in options.data:
        write_frames(name, options.output / f"{name}.npz")
        for kind in dict.fromkeys(row.kind for row in chosen):
            groups.append((name, [row for row in chosen if row.kind == kind]))
    run_all(groups, options)
    columns = ("data", "samples", "neuron", "soft", "hard, nothing done", "hard, annealed")
    print(f"\n| {' | '.join((*columns, 'integer', 'soft − integer'))} |")
    print("|" + "---|" * (len(columns) + 2))
    for name in options.data:
        for row in chosen:
            print(table_row(name, row, read_report(options.output / f"{name}-{row.name}")))


if __name__ == "__main__":
    main()
