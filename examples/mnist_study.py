"""Accuracy of one network as soft, hard and integer network; makes tables of docs/accuracy.md.

    python examples/mnist_study.py mnist_train.npz -o results/mnist
    python examples/mnist_study.py mnist_train.npz -o results/batch-norm \
        --layers 2 --batch-norm --train 4000 --timesteps 4 --seed 0 --formats 8
    python examples/mnist_study.py fashion -o results/fashion \
        --channels 32 64 --batch-norm --encoding constant --normalize fashion --timesteps 1 \
        --train 20000 --epochs 6 --anneal-epochs 3 --formats 8 4

Trains UltraPLIF 784-64-10 by the authors' protocol (Adam 1e-3, batches of 128, rate coding with
gain 0.5) on the first 50 000 digits, anneals it in float and for each weight format, and measures
each network on the last 10 000, all on the same input spikes. Finished steps are kept in the
output directory and not run again. `--spike-bits 1 2 3` measures graded spikes beside the step
function. About 25 minutes on two cores for T = 1 and 10. With
`--channels` it is the released ConvSNN, and `--encoding constant` gives it the images as they are.
"""

import argparse
import copy
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.data import Split, load_dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.network.network import Network
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.program import Program
from ultralif_deploy.quantization.calibration import calibration_values
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.soft import checkpoint, checkpoint_file
from ultralif_deploy.soft.anneal import AnnealOptions, fine_tune
from ultralif_deploy.soft.architectures import Architecture
from ultralif_deploy.soft.checkpoint_names import released_key
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.reestimation import reestimate_batch_norm, stop_growth
from ultralif_deploy.soft.training import constant_plan, evaluate, fit
from ultralif_deploy.verify.backends import load_on

FORMATS: tuple[int | str, ...] = (8, 4, 3, 2, "ternary")


def soft_network(
    path: Path,
    train: Split,
    encoder: Encoder,
    architecture: Architecture,
    epochs: int,
    seed: int,
    margin: float,
) -> None:
    """Train the soft network where it was not trained before."""
    if not path.exists():
        network = SoftNetwork(architecture, seed)
        fit(network, train, encoder, constant_plan(epochs), margin=margin)
        checkpoint_file.save(path, network, {"epoch": epochs}, settings(encoder))


def annealed_network(
    path: Path,
    network: SoftNetwork,
    train: Split,
    encoder: Encoder,
    bits: int | str | None,
    epochs: int,
) -> SoftNetwork:
    """Anneal for a weight format, or load what was annealed before."""
    if not path.exists():
        options = AnnealOptions(epochs=epochs, bits=bits)
        annealed = fine_tune(network, train, encoder, options, directory=path.parent)
        checkpoint_file.save(path, annealed, {"epoch": epochs}, settings(encoder))
    return checkpoint.load_checkpoint(path, spike_bits=network.architecture.spike_bits).network


def settings(encoder: Encoder) -> dict[str, Any]:
    return encoder.as_dict() | {"encoding": encoder.kind}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default="mnist", help="As --data of ultralif takes it.")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/mnist"))
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--batch-norm", action="store_true")
    parser.add_argument("--neuron", default="ultratplif")
    parser.add_argument("--train", type=int, help="Use the first N training samples.")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--margin", type=float, default=0.0, help="As in `ultralif train`.")
    parser.add_argument("--anneal-epochs", type=int, default=10)
    parser.add_argument("--timesteps", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--channels", type=int, nargs="*", default=[], help="A ConvSNN.")
    parser.add_argument("--encoding", choices=("rate", "constant"), default="rate")
    parser.add_argument("--normalize", default="mnist")
    parser.add_argument("--seed", type=int, default=0, help="Of the initial weights.")
    parser.add_argument("--spike-bits", type=int, nargs="+", default=[1])
    parser.add_argument("--formats", nargs="*", default=list(FORMATS))
    arguments = parser.parse_args()
    dataset = load_dataset(arguments.data)
    assert dataset.train is not None
    train = dataset.train if arguments.train is None else dataset.train.cut(arguments.train)[0]
    inputs, side = int(np.prod(train.x.shape[1:])), train.x.shape[-1]
    if arguments.channels:
        architecture = Architecture(
            (inputs, 10),
            arguments.neuron,
            batch_norm=arguments.batch_norm,
            channels=(inputs // side**2, *arguments.channels),
            side=side,
        )
    else:
        architecture = Architecture(
            (inputs, *[arguments.hidden] * arguments.layers, 10),
            arguments.neuron,
            batch_norm=arguments.batch_norm,
        )
    print("| T | network | accuracy |\n|---|---|---|")
    for timesteps in arguments.timesteps:
        directory = arguments.output / f"T{timesteps}"
        directory.mkdir(parents=True, exist_ok=True)
        encoder = Encoder(arguments.encoding, timesteps, normalize=arguments.normalize)
        path = directory / f"{released_key(architecture)}_T{timesteps}_seed{arguments.seed}.pt"
        how = arguments.epochs, arguments.seed, arguments.margin
        soft_network(path, train, encoder, architecture, *how)
        soft = checkpoint.load_checkpoint(path).network
        row(timesteps, "soft, learned ε", evaluate(soft, dataset.test, encoder, 1.0)[0])
        if arguments.batch_norm:
            alone = copy.deepcopy(soft)
            stop_growth(alone)
            reestimate_batch_norm(alone, train, encoder)
            accuracy = hard_accuracy(harden(alone, encoder), dataset.test, encoder)
            row(timesteps, "hard, batch norm alone re-estimated", accuracy)
            unlabelled = Split(train.x, None)
            mended = fine_tune(soft, unlabelled, encoder, AnnealOptions(epochs=0))
            accuracy = hard_accuracy(harden(mended, encoder), dataset.test, encoder)
            row(timesteps, "hard, re-estimated without labels", accuracy)
        for spike_bits in arguments.spike_bits:
            graded = checkpoint.load_checkpoint(path, spike_bits=spike_bits).network
            suffix = "" if spike_bits == 1 else f"-spikes{spike_bits}"
            spikes = "" if spike_bits == 1 else f", spikes of {spike_bits} bits"
            naive = hard_accuracy(harden(graded, encoder), dataset.test, encoder)
            row(timesteps, f"hard, nothing done{spikes}", naive)
            for bits in (None, *arguments.formats):
                annealed = annealed_network(
                    directory / f"annealed-{bits or 'float'}{suffix}.pt",
                    graded,
                    train,
                    encoder,
                    bits,
                    arguments.anneal_epochs,
                )
                hard = apply_passes(harden(annealed, encoder))
                calibration = calibration_values(train, encoder, hard)
                if bits is None:
                    accuracy = hard_accuracy(hard, dataset.test, encoder)
                    row(timesteps, f"hard, annealed{spikes}", accuracy)
                    continue
                name = "ternary" if bits == "ternary" else f"{bits}-bit"
                untrained = quantize(
                    apply_passes(harden(graded, encoder)), bits, calibration, encoder
                )
                accuracy = integer_accuracy(untrained, dataset.test, encoder)
                row(timesteps, f"integer, {name}, nothing trained{spikes}", accuracy)
                program = quantize(hard, bits, calibration, encoder)
                accuracy = integer_accuracy(program, dataset.test, encoder)
                row(timesteps, f"integer, {name}{spikes}", accuracy)


def hard_accuracy(network: Network, test: Split, encoder: Encoder) -> float:
    """Accuracy of the hard float network."""
    assert test.y is not None
    correct = [
        run_hard(network, values).logits.argmax(axis=1) == test.y[where]
        for where, values in encoder.blocks(test.x)
    ]
    return float(np.concatenate(correct).mean())


def integer_accuracy(program: Program, test: Split, encoder: Encoder) -> float:
    """Accuracy of the integer program on the fast simulator."""
    assert test.y is not None
    executable = load_on("fast", program)
    correct = [
        executable.run(values[: program.timesteps]).predictions() == test.y[where]
        for where, values in encoder.blocks(test.x)
    ]
    return float(np.concatenate(correct).mean())


def row(timesteps: int, name: str, accuracy: float) -> None:
    print(f"| {timesteps} | {name} | {100 * accuracy:.2f} % |", flush=True)


if __name__ == "__main__":
    main()
