"""The command `ultralif sweep`."""

from pathlib import Path
from typing import Any

import click

from ultralif_deploy.cli import options, running
from ultralif_deploy.cli.budgets import budget_options
from ultralif_deploy.cli.device_options import compute_device_option, energy_device_option
from ultralif_deploy.cli.forms.synthesizing import part_option
from ultralif_deploy.cli.grouped_help import GroupedCommand
from ultralif_deploy.cli.learning_options import anneal_options
from ultralif_deploy.cli.option_types import Bits, FiniteRange
from ultralif_deploy.errors import UltralifError


def _values(command: click.Command, vary: tuple[str, ...]) -> dict[str, list[Any]]:
    """The values of every `--vary`, each read as the option of that name reads it.

    Args:
        command: command that has the options.
        vary: texts such as `bits=8,4`.

    Raises:
        UltralifError: not a name with values, a name that stands twice, or a value that its
            option does not take.
    """
    known = {one.name: one for one in command.params if isinstance(one, click.Option)}
    found: dict[str, list[Any]] = {}
    for text in vary:
        given, _, values = text.partition("=")
        name = given.strip().removeprefix("--").replace("-", "_")
        if name not in known or not values:
            raise UltralifError(
                f"--vary {text}: expected an option with its values, for example bits=8,4"
            )
        if name in found:
            raise UltralifError(f"--vary {name}: given twice; expected all values in one")
        option = known[name]
        try:
            found[name] = [_value(option, v) for v in running.names(values)]
        except click.BadParameter as error:
            raise UltralifError(f"--vary {text}: {error.message}") from error
    return found


def _value(option: click.Option, text: str) -> Any:
    """A value as the command gets it when the text is given to the option."""
    context = click.get_current_context()
    value = option.type.convert(text, option, context)
    return value if option.callback is None else option.callback(context, option, value)


@click.command(cls=GroupedCommand)
@options.checkpoint_argument
@click.option(
    "--vary",
    multiple=True,
    required=True,
    metavar="OPTION=V[,V]",
    help="An option with the values to try, for example bits=8,4,ternary. Several such options "
    "make a grid.",
)
@click.option(
    "--points",
    type=click.IntRange(min=1),
    metavar="N",
    help="Draw N points of the grid at random, by --seed. The default is all.",
)
@click.option(
    "--search",
    type=click.IntRange(min=1),
    metavar="N",
    help="Choose N points of the grid one round of 8 after another, by what earlier ones gave and "
    "by --seed. It needs the package optuna.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes on this machine. The default is one for each core.",
)
@options.scheduler_option("run the points")
@click.option(
    "--within",
    type=FiniteRange(min=0),
    default=0.5,
    show_default=True,
    metavar="POINTS",
    help="Percentage points of accuracy that the best point may lose to the most accurate one.",
)
@click.option(
    "--deploy-best",
    is_flag=True,
    help="Deploy the best point on the test samples and all back ends, into DIR/best.",
)
@options.data_options
@options.model_options
@options.nir_options
@options.chosen_bits_option
@options.decay_bits_option
@click.option("--anneal", is_flag=True, help="Anneal every point on the training samples first.")
@anneal_options
@options.gap_option
@budget_options
@options.certify_option
@options.back_ends_option
@part_option
@options.lanes_option
@compute_device_option
@energy_device_option
@options.skip_pass_option
@options.output_option("ultralif-sweep")
@options.json_option
def sweep(
    checkpoint: Path,
    vary: tuple[str, ...],
    points: int | None,
    search: int | None,
    workers: int | None,
    scheduler: str | None,
    within: float,
    deploy_best: bool,
    bits: Bits,
    anneal: bool,
    schedule: dict[str, Any],
    max_gap: float | None,
    weight_memory: int | None,
    max_energy: float | None,
    max_cores: dict[str, int] | None,
    certify: int,
    back_ends: str | None,
    part: str | None,
    lanes: int | None,
    energy_device: str,
    skip_passes: tuple[str, ...],
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Deploy a checkpoint with options that vary.

    Every point is a directory that `deploy` would write. Finished points are kept: the same
    command goes on where it was stopped. Points are measured on the last fifth of the training
    samples, unless --split test says otherwise. Leaves sweep.html, sweep.json and sweep.csv, with
    the points that no other beats. Back ends are reference and fast unless --on names others.

    Example: ultralif sweep net.pt --data mnist.npz --vary bits=8,4,ternary --vary spike-bits=1,2
    """
    from ultralif_deploy.report.summaries.sweep import sweep_summary
    from ultralif_deploy.sweeps.points import Deployment
    from ultralif_deploy.sweeps.sweep import sweep as run

    settings = running.settings(given)
    deployment = Deployment(
        settings,
        bits,
        running.annealing(bits=bits, **schedule) if anneal else None,
        max_gap,
        certify,
        () if back_ends is None else running.names(back_ends),
        running.names(energy_device),
        skip_passes,
        part,
        lanes,
        weight_memory,
        max_energy,
        max_cores,
    )
    result = run(
        checkpoint,
        output,
        _values(click.get_current_context().command, vary),
        deployment,
        points=points,
        search=search,
        seed=settings.seed or 0,
        within=within,
        workers=workers,
        scheduler=scheduler,
        deploy_best=deploy_best,
        progress=running.progress(),
    )
    running.show(result, as_json, sweep_summary)
