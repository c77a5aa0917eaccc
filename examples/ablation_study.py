"""What each step of hardening adds to the accuracy in integers; makes a table of docs/accuracy.md.

    python examples/ablation_study.py mnist_train.npz -o results/ablation   # half an hour
    python examples/ablation_study.py digits --normalize none --epochs 1 --anneal-epochs 1 \
        -o results/quick   # to see that it runs

Trains UltraPLIF with 64 hidden neurons, rate coding, T = 1, and brings it into integers in several
ways. Each row adds a step to the one above. Rounding one by one takes no data, rounding together
takes calibration inputs without labels, and annealing takes labels. Networks are kept in the output
directory and not trained again.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ultralif_deploy.data import Dataset, Split, load_dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.quantization.calibration import calibration_values
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.soft import checkpoint, checkpoint_file
from ultralif_deploy.soft.anneal import AnnealOptions, fine_tune
from ultralif_deploy.soft.architectures import Architecture
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.training import constant_plan, evaluate, fit
from ultralif_deploy.verify.backends import load_on

FORMATS = ("8", "4", "ternary")
HIDDEN, SPIKE_BITS = 64, 3


class Study:
    """The networks of the study, each made once.

    Args:
        data: training and test samples.
        encoder: makes the input spikes.
        directory: of the networks.
        epochs: of training, then of annealing.
    """

    def __init__(
        self, data: Dataset, encoder: Encoder, directory: Path, epochs: tuple[int, int]
    ) -> None:
        assert data.train is not None
        self.train: Split = data.train
        self.test, self.encoder = data.test, encoder
        self.directory, self.epochs = directory, epochs

    def _kept(self, name: str, made: Callable[[], SoftNetwork], spike_bits: int = 1) -> SoftNetwork:
        path = self.directory / f"{name}.pt"
        if not path.exists():
            settings = self.encoder.as_dict() | {"encoding": self.encoder.kind}
            checkpoint_file.save(path, made(), {}, settings | {"spike_bits": spike_bits})
        return checkpoint.load_checkpoint(path).network

    def soft(self, spike_bits: int = 1) -> SoftNetwork:
        """The trained network, which sends spikes of so many bits when it is hard."""

        def trained() -> SoftNetwork:
            inputs = int(np.prod(self.train.x.shape[1:]))
            network = SoftNetwork(Architecture((inputs, HIDDEN, 10), "ultratplif"))
            fit(network, self.train, self.encoder, constant_plan(self.epochs[0]))
            return network

        network = self._kept("trained", trained)
        for stage in network.stages():
            if stage.neuron is not None:
                stage.neuron.levels = (1 << spike_bits) - 1
        return network

    def annealed(self, bits: str | None, spike_bits: int = 1) -> SoftNetwork:
        """The network annealed with weights of these bits in the loop, or with float weights."""
        options = AnnealOptions(self.epochs[1], bits=bits)
        return self._kept(
            f"annealed-{bits}-spikes{spike_bits}",
            lambda: fine_tune(self.soft(spike_bits), self.train, self.encoder, options),
            spike_bits,
        )

    def integer_accuracy(self, bits: str, network: SoftNetwork, together: bool) -> float:
        """Accuracy in per cent of the program that a network becomes."""
        hard = apply_passes(harden(network, self.encoder))
        calibration = calibration_values(self.train, self.encoder) if together else None
        executable = load_on("fast", quantize(hard, bits, calibration, self.encoder))
        assert self.test.y is not None
        right = 0
        for where, values in self.encoder.blocks(self.test.x):
            right += int((executable.run(values).predictions() == self.test.y[where]).sum())
        return 100 * right / len(self.test.x)

    def rows(self, formats: list[str]) -> dict[str, list[float]]:
        """Accuracies in each format, by what was done."""
        steps: dict[str, Callable[[str], tuple[SoftNetwork, bool]]] = {
            "weights rounded one by one": lambda bits: (self.soft(), False),
            "rounded together, on calibration inputs": lambda bits: (self.soft(), True),
            "annealed first, with float weights": lambda bits: (self.annealed(None), True),
            "annealed with rounded weights": lambda bits: (self.annealed(bits), True),
            "and spikes of 3 bits": lambda bits: (self.annealed(bits, SPIKE_BITS), True),
            "spikes of 3 bits, nothing trained": lambda bits: (self.soft(SPIKE_BITS), True),
        }
        return {
            name: [self.integer_accuracy(bits, *made(bits)) for bits in formats]
            for name, made in steps.items()
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", default="mnist", help="As --data of ultralif takes it.")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/ablation"))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--anneal-epochs", type=int, default=20)
    parser.add_argument("--normalize", default="mnist")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    encoder = Encoder("rate", 1, normalize=arguments.normalize)
    epochs = arguments.epochs, arguments.anneal_epochs
    study = Study(load_dataset(arguments.data), encoder, arguments.output, epochs)
    soft, _ = evaluate(study.soft(), study.test, encoder, 1.0)
    print(f"soft: {100 * soft:.2f} %\n\n| weights | {' | '.join(arguments.formats)} |")
    print("|---|" + "---|" * len(arguments.formats))
    for name, values in study.rows(arguments.formats).items():
        print(f"| {name} | " + " | ".join(f"{v:.2f} %" for v in values) + " |", flush=True)


if __name__ == "__main__":
    main()
