"""Options that bound what bits chosen with `auto` may take."""

from typing import Any

import click

from ultralif_deploy.cli.option_types import Cores, Energy, MemorySize
from ultralif_deploy.io.memory import size_bytes


def _bytes(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    del context, option
    return None if value is None else size_bytes(value)


def budget_options(function: Any) -> Any:
    """`--weight-memory SIZE` in bytes, `--max-energy ENERGY` in joules, `--max-cores CHIP=N`."""
    memory = click.option(
        "--weight-memory",
        type=MemorySize(),
        callback=_bytes,
        metavar="SIZE",
        help="With --bits auto: most memory of all weights, as 20K. The most accurate bits within "
        "it on training samples are taken.",
    )
    energy = click.option(
        "--max-energy",
        type=Energy(),
        metavar="ENERGY",
        help="With --bits auto: most energy of one inference, as 50nJ, estimated for the first "
        "device of --energy-device. The most accurate bits within it are taken.",
    )
    cores = click.option(
        "--max-cores",
        type=Cores(),
        metavar="CHIP=N",
        help="With --bits auto: most cores of loihi1 or loihi2, as loihi2=4. The most accurate "
        "bits within it are taken.",
    )
    return memory(energy(cores(function)))
