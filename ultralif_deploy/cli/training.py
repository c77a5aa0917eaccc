"""The command `ultralif train`."""

from pathlib import Path
from typing import Any

import click

from ultralif_deploy.cli import choices, options, running
from ultralif_deploy.cli.device_options import compute_device_option
from ultralif_deploy.cli.grouped_help import GroupedCommand
from ultralif_deploy.cli.learning_options import loss_options
from ultralif_deploy.cli.option_types import Bits, BitsType, FiniteRange


@click.command(cls=GroupedCommand)
@options.data_options
@options.network_options
@click.option(
    "--architecture",
    type=click.Choice(choices.ARCHITECTURES),
    default="snn",
    show_default=True,
    help="snn is fully connected: SNN, DeepSNN or TripleSNN by its hidden layers.",
)
@click.option(
    "--hidden", metavar="N[,N]", help="Neurons of each hidden layer of snn; 64 unless given."
)
@click.option(
    "--channels",
    metavar="N,N[,N]",
    help="Channels of each stage of the others; as released unless given.",
)
@click.option("--batch-norm", is_flag=True, help="Batch norm before each hidden neuron.")
@click.option(
    "--epochs", type=int, default=100, show_default=True, help="Passes over the training samples."
)
@loss_options
@click.option(
    "--margin",
    type=FiniteRange(min=0),
    default=0.0,
    show_default=True,
    metavar="MU",
    help="Weight of a penalty on spikes between 0 and 1, which keeps membrane potentials away "
    "from the threshold, so that hardening loses less.",
)
@click.option(
    "--batch-size", type=int, default=128, show_default=True, metavar="N", help="Samples per step."
)
@click.option(
    "--bits",
    type=BitsType(automatic=False),
    metavar="N",
    help="Quantize in the loop to this.",
)
@compute_device_option
@options.output_option("ultralif-out")
@options.json_option
def train(
    architecture: str,
    hidden: str | None,
    channels: str | None,
    batch_norm: bool,
    epochs: int,
    learning_rate: float,
    sparsity: float,
    margin: float,
    batch_size: int,
    bits: Bits | None,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Train a network on data and write trained.pt.

    As the authors of UltraLIF train: Adam, a learning rate that falls along a cosine, a learned ε.
    The weights of the best epoch on held-out training samples are kept. An interrupted run goes on
    where it stopped. The file says all that deploy needs.

    Example: ultralif train --data digits --neuron ultradlif --hidden 64,64 -o out
    """
    from ultralif_deploy.pipeline import train as run
    from ultralif_deploy.report.inspection import train_summary
    from ultralif_deploy.steps.untrained import TrainOptions

    how = TrainOptions(
        architecture,
        running.sizes("--hidden", hidden),
        running.sizes("--channels", channels),
        batch_norm,
        epochs,
        learning_rate,
        batch_size,
        sparsity,
        margin,
        bits,
    )
    result = run(output, running.settings(given), how, running.progress())
    running.show(result, as_json, train_summary)
