"""Train the network that `ultralif demo` deploys: UltraPLIF 64-64-10 on the embedded digits.

    python examples/train_digits.py            # under two minutes on two cores

Authors' protocol: Adam 1e-3, batches of 128, rate coding with gain 0.5, T = 10, soft spikes.
"""

import argparse
from pathlib import Path

from rich.progress import track

from ultralif_deploy.data import load_dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.soft import checkpoint_file
from ultralif_deploy.soft.architectures import Architecture
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.training import constant_plan, evaluate, fit

PACKAGED = Path(checkpoint_file.__file__).parent / "data" / "digits_ultraplif.pt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=PACKAGED)
    parser.add_argument("--epochs", type=int, default=200)
    arguments = parser.parse_args()
    dataset = load_dataset("digits")
    assert dataset.train is not None
    encoder = Encoder("rate", timesteps=10)
    network = SoftNetwork(Architecture((64, 64, 10), "ultratplif"))
    epochs = iter(track(range(arguments.epochs), "training"))

    def advance(share: float, loss: float) -> None:
        if share == 1:
            next(epochs, None)

    fit(
        network,
        dataset.train,
        encoder,
        constant_plan(arguments.epochs),
        on_batch=advance,
    )
    accuracy, rate = evaluate(network, dataset.test, encoder, 1.0)
    settings = {
        "encoding": encoder.kind,
        "timesteps": encoder.timesteps,
        "gain": encoder.gain,
        "normalize": encoder.normalize,
    }
    record = {"best_acc": accuracy, "epoch": arguments.epochs, "spike_rate": rate}
    checkpoint_file.save(arguments.output, network, record, settings)
    size = arguments.output.stat().st_size
    print(f"{arguments.output}: {100 * accuracy:.2f} % soft, spike rate {rate:.3f}, {size} bytes")


if __name__ == "__main__":
    main()
