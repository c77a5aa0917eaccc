"""The two kinds of device: where torch computes, and whose energy is estimated."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ultralif_deploy.errors import UltralifError

Function = TypeVar("Function", bound=Callable[..., Any])

COMPUTING = "train, anneal, verify, deploy and sweep"
"""Commands with `--device`."""

compute_device_option = click.option(
    "--device",
    metavar="NAME",
    help="Where torch computes the soft network: cpu, cuda, cuda:N or mps. The default is cpu.",
)
energy_device_option = click.option(
    "--energy-device",
    default="yan2024,lemaire2022,step,loihi1,loihi1-sanafe,cmos45,paper-proxy",
    show_default=True,
    metavar="NAME[,NAME]",
    help="Devices whose energy is estimated: names, or paths of .toml files.",
)


def _refuse(context: click.Context, option: click.Parameter, value: str | None) -> None:
    del context, option
    if value is not None:
        raise UltralifError(
            f"--device {value}: it is for {COMPUTING}, where torch computes; "
            "--energy-device takes the devices whose energy is estimated"
        )


def only_energy_device_option(function: Function) -> Function:
    """`--energy-device` of a command without `--device`, which says so where that is typed."""
    hidden = click.option("--device", hidden=True, expose_value=False, callback=_refuse)
    return hidden(energy_device_option(function))
