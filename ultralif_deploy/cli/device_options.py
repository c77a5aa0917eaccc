"""The two kinds of device: where torch computes, and whose energy is estimated."""

import click

NOT_HERE = (
    "--device: it is for train, anneal, verify, deploy and sweep, where torch computes; "
    "--energy-device takes the devices whose energy is estimated"
)
"""What other commands answer to `--device`."""

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
