"""The command `ultralif match`."""

from pathlib import Path
from typing import Any

import click

from ultralif_deploy.cli import options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand
from ultralif_deploy.errors import CheckFailed


@click.command(cls=GroupedCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--expect",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="What the framework computed for the samples: spikes [time, sample, neuron] under the "
    "names of their populations, or logits [sample, class].",
)
@options.data_options
@options.nir_options
@options.json_option
def match(model: Path, expect: Path, as_json: bool, **given: Any) -> None:
    """Find the reading of a NIR file that its framework meant.

    Runs the float network by every combination of conventions that the file leaves open, and
    prints the options that give every expected spike. If there are none, it prints those that come
    nearest, each with its first difference, and exits with 1. Options that are given are kept.

    Example: ultralif match model.nir --data inputs.npz --expect expected.npz
    """
    from ultralif_deploy.report.summaries.matching import match_summary
    from ultralif_deploy.steps.framework_spikes.search import match as run

    result = run(model, expect, running.settings(given), running.progress())
    running.show(result, as_json, match_summary)
    if not result["exact"]:
        raise CheckFailed(
            f"{model}: none of {result['readings']} readings gives every spike of {expect}"
        )
