"""Options that several commands share, spelled the same everywhere."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

MEMBRANES = ("hard", "soft")
ENCODINGS = ("rate", "constant", "events")
NORMALIZATIONS = ("none", "mnist", "fashion", "cifar10", "cifar100", "svhn")
BITS = ("2", "3", "4", "5", "6", "7", "8", "ternary")
# Named here and not imported, so that --help does not wait for NumPy; a test compares them.
NEURONS = (
    "ultratlif",
    "ultratplif",
    "ultratlif_ds",
    "ultratplif_ds",
    "ultradlif",
    "ultradplif",
    "lif",
    "plif",
    "fullplif",
    "adalif",
    "dspike",
    "dspike+",
    "sigmalif",
    "silif",
    "csilif",
    "adlif",
    "cadlif",
)
ARCHITECTURES = ("snn", "convsnn", "deepconvsnn", "spikingresnet18")
PASSES = ("remove-constant", "elide-membrane", "collapse-constant", "fold-bias")
BACK_ENDS = (
    *("reference", "fast", "loihi1", "loihi2", "onnx", "c"),
    *("lava", "lava-loihi1", "lava-custom", "netx"),
)
EXPORTERS = ("onnx", "c", "lava", "lava-loihi1", "lava-custom", "netx")
FLAVOURS = ("lif", "cubalif", "threshold")
RESETS = (
    "value",
    "subtract",
    "none",
    "late-value",
    "late-subtract",
    "immediate-subtract",
)
DISCRETIZATIONS = ("euler", "exponential")
FIRING = ("above", "at")
SYNAPSES = ("current", "pulse")
READ_OUTS = ("spikes", "membrane")
DECAY_BITS = (12, 24)


class _BadNumber(click.ClickException):
    """Ends the command in one line, as bad input does everywhere."""

    exit_code = 2


class Finite(click.FloatRange):
    """A number that is neither nan nor infinite, in a range where one is given."""

    name = "float"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, or an error of one line that names the option."""
        number: float = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            name = "" if param is None else f"{param.opts[0].lstrip('-').replace('-', ' ')} = "
            raise _BadNumber(f"{name}{number}; expected a finite number")
        in_range: float = super().convert(value, param, ctx)
        return in_range


FINITE = Finite()


def _stack(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


checkpoint_argument = click.argument("checkpoint", type=click.Path(path_type=Path))
program_argument = click.argument("program", type=click.Path(path_type=Path))

data_options = _stack(
    click.option(
        "--data", metavar="FILE.npz|digits", help="Data: an .npz file, or the embedded digits."
    ),
    click.option(
        "--normalize",
        metavar="NAME|MEAN,STD",
        help=f"Pixel normalization: {', '.join(NORMALIZATIONS)}, or numbers, all means and then "
        "all deviations.",
    ),
    click.option("--encoding", type=click.Choice(ENCODINGS), help="How samples become inputs."),
    click.option("--gain", type=FINITE, help="Spike probability of a full pixel in rate coding."),
    click.option("--timesteps", type=int, help="Timesteps T of one inference."),
    click.option("--seed", type=int, help="Seed of the Bernoulli spikes and of training."),
    click.option("--limit", type=int, metavar="N", help="Use the first N test samples."),
)

network_options = _stack(
    click.option("--theta", type=FINITE, help="Firing threshold θ (not in released files)."),
    click.option("--tau", type=FINITE, help="Decay τ, for neurons that do not learn it."),
    click.option(
        "--neuron",
        type=click.Choice(NEURONS),
        metavar="KIND",
        help="Neuron kind, by the authors' key: ultratlif, ultratplif, ultradlif, lif, …",
    ),
    click.option(
        "--skip/--no-skip", default=None, help="Residual connections (not in released files)."
    ),
    click.option(
        "--stateless/--stateful",
        default=None,
        help="Whether a ConvSNN resets its membranes at every timestep (not in released files).",
    ),
)

model_options = _stack(
    network_options,
    click.option(
        "--input-side", type=int, help="Height and width of a convolutional network's images."
    ),
    click.option(
        "--membrane",
        type=click.Choice(MEMBRANES),
        help="Of UltraLIF kinds: hard goes to a maximum, soft keeps its ε beside hard spikes.",
    ),
    click.option(
        "--spike-bits",
        type=click.IntRange(1, 4),
        metavar="N",
        help="Bits of a hidden neuron's spike: 1 is a step function, more keep levels of it.",
    ),
    click.option(
        "--table",
        type=click.IntRange(1, 4096),
        metavar="N",
        help="Entries of the table that corrects a soft membrane's maximum.",
    ),
    click.option(
        "--state-bits",
        type=click.IntRange(13, 32),
        metavar="N",
        help="Bits of each state word of second-order neurons.",
    ),
    click.option(
        "--coefficient-bits",
        type=click.IntRange(1, 20),
        metavar="N",
        help="Fraction bits of their coefficients.",
    ),
)

nir_options = _stack(
    click.option("--dt", type=FINITE, metavar="SECONDS", help="Timestep of another tool's NIR."),
    click.option(
        "--reset",
        type=click.Choice(RESETS),
        metavar="MODE",
        help="Reset in another tool's NIR: value, subtract, none, late-value, …",
    ),
    click.option(
        "--discretization",
        type=click.Choice(DISCRETIZATIONS),
        help="How its differential equations become steps.",
    ),
    click.option(
        "--fires",
        type=click.Choice(FIRING),
        help="Whether its neurons fire above their threshold (v > θ) or at it (v ≥ θ).",
    ),
    click.option(
        "--synapse",
        type=click.Choice(SYNAPSES),
        help="Whether its inputs are currents into a synapse or pulses (Norse, Rockpool).",
    ),
    click.option(
        "--read-out",
        type=click.Choice(READ_OUTS),
        help="Whether its last neurons are read by their spikes or by their membrane.",
    ),
    click.option(
        "--max-spikes",
        type=click.IntRange(1, 255),
        metavar="N",
        help="Most spikes of a neuron in one timestep (Sinabs, Rockpool); more than 1 subtract.",
    ),
    click.option(
        "--min-membrane",
        type=FINITE,
        metavar="V",
        help="Lower bound of its membrane potentials after the reset (Sinabs).",
    ),
)
strict_option = click.option(
    "--strict",
    is_flag=True,
    help="Refuse to guess what changes the result; exit 1 unless the verdict is yes.",
)

bits_option = click.option(
    "--bits", type=click.Choice(BITS), default="8", show_default=True, help="Bits per weight."
)
decay_bits_option = click.option(
    "--decay-bits",
    type=click.IntRange(*DECAY_BITS),
    metavar="N",
    help="Fraction bits of leaky membranes' decays, 12 to 24; as many as needed unless given. "
    "12 keeps decays and membranes to Loihi's registers.",
)
foreign_bits_option = click.option(
    "--bits",
    type=click.Choice(BITS),
    help="Bits per weight of another tool's NIR; 8 unless given.",
)
skip_pass_option = click.option(
    "--skip-pass", "skip_passes", multiple=True, type=click.Choice(PASSES), help="Leave a pass out."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
gap_option = click.option(
    "--max-gap",
    type=FINITE,
    metavar="POINTS",
    help="Exit 1 when soft minus integer accuracy is larger, in percentage points.",
)
certify_option = click.option(
    "--certify",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Samples compared spike for spike.",
)
back_ends_option = click.option(
    "--on",
    "back_ends",
    metavar="NAME[,NAME]",
    help=f"Back ends to compare; all that can run here unless given ({', '.join(BACK_ENDS)}).",
)


def _set_lava_python(context: click.Context, option: click.Parameter, value: Path | None) -> None:
    del context, option
    if value is not None:
        os.environ["ULTRALIF_LAVA_PYTHON"] = str(value)


lava_option = click.option(
    "--lava-python",
    type=click.Path(path_type=Path),
    metavar="PATH",
    expose_value=False,
    callback=_set_lava_python,
    help="Python that can import Lava; also from ULTRALIF_LAVA_PYTHON.",
)
device_option = click.option(
    "--device",
    default="cmos45,lemaire2022,yan2024,step,loihi1,loihi1-sanafe,paper-proxy",
    show_default=True,
    metavar="NAME[,NAME]",
    help="Devices with their energy models, by name or as .toml files.",
)
loss_options = _stack(
    click.option(
        "--learning-rate",
        type=Finite(min=0, min_open=True),
        default=1e-3,
        show_default=True,
        help="Of Adam, at the start.",
    ),
    click.option(
        "--sparsity",
        type=Finite(min=0),
        default=0.0,
        show_default=True,
        metavar="LAMBDA",
        help="Penalty on the mean spike rate.",
    ),
)
anneal_options = _stack(
    click.option(
        "--epochs",
        type=click.IntRange(min=0),
        default=20,
        show_default=True,
        help="A third with falling ε, the rest straight-through; 0 re-estimates without labels.",
    ),
    loss_options,
)


class _Directory(click.Path):
    """A path that is not empty, as an unset variable of a shell is."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The path.

        Args:
            value: what the command line gives.
            param: click's option, which its error names.
            ctx: click's context of the command.
        """
        if value == "":
            self.fail("it is empty; expected a directory, '.' for the current one", param, ctx)
        return super().convert(value, param, ctx)


def output_option(default: str) -> Callable[[Function], Function]:
    """`-o/--output DIR`."""
    return click.option(
        "-o",
        "--output",
        type=_Directory(path_type=Path),
        default=default,
        show_default=True,
        metavar="DIR",
        help="Directory for the results.",
    )
