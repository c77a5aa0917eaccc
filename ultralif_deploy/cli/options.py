"""Options that several commands share, spelled the same everywhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ultralif_deploy.cli.choices import (
    BACK_ENDS,
    DECAY_BITS,
    DISCRETIZATIONS,
    ENCODINGS,
    EXITS,
    FIRING,
    FRAMEWORKS,
    MEMBRANES,
    NEURONS,
    NORMALIZATIONS,
    ON_REQUEST,
    PASSES,
    POLARITIES,
    READ_OUTS,
    RESETS,
    SYNAPSES,
)
from ultralif_deploy.cli.option_types import (
    BitsType,
    Directory,
    Finite,
    FiniteRange,
    MemorySize,
    SpikeBitsType,
    WholeOrAuto,
)
from ultralif_deploy.io.memory import OPTION, VARIABLE

Function = TypeVar("Function", bound=Callable[..., Any])

FINITE = Finite()


def _stack(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


checkpoint_argument = click.argument("checkpoint", type=click.Path(path_type=Path))
network_argument = click.argument(
    "checkpoint", metavar="CHECKPOINT|FILE.py:NAME", type=click.Path(path_type=Path)
)
program_argument = click.argument("program", type=click.Path(path_type=Path))


def _set_memory(context: click.Context, _: click.Parameter, value: str | None) -> None:
    """Set the variable for this command alone; worker processes inherit it."""
    if value is not None:
        before = os.environ.get(VARIABLE, "")
        os.environ[VARIABLE] = value
        context.call_on_close(lambda: os.environ.__setitem__(VARIABLE, before))


memory_option = click.option(
    OPTION,
    type=MemorySize(),
    metavar="SIZE",
    expose_value=False,
    callback=_set_memory,
    help=f"Memory that the contents of one input file may take, as 8G; a quarter of the machine's "
    f"if it is not given. The environment variable {VARIABLE} sets it too.",
)
data_options = _stack(
    memory_option,
    click.option(
        "--data",
        metavar="PATH|NAME",
        help="Data set: digits, which is embedded, another name that `ultralif data` lists, a file "
        "(.npz, .npy, .csv, .h5, .bin, .aedat4, .png), or a folder of images or recordings.",
    ),
    click.option(
        "--backbone",
        metavar="FILE.onnx|PART",
        help="Float network in front: the data are images, and its features the inputs. A file, "
        "or the name of a part of the module that FILE.py:NAME builds. --normalize is then for its "
        "pixels.",
    ),
    click.option(
        "--bin",
        type=FINITE,
        metavar="MS",
        help="Milliseconds of a frame, for recordings of events. Without it, --timesteps cuts each "
        "recording into equal parts.",
    ),
    click.option(
        "--sensor", metavar="WxH", help="Width and height of the sensor of recorded events."
    ),
    click.option(
        "--polarity",
        type=click.Choice(POLARITIES),
        help="Polarities of recorded events: a channel for each, one for both, or one alone.",
    ),
    click.option(
        "--normalize",
        metavar="NAME|MEAN,STD",
        help=f"Pixel normalization: {', '.join(NORMALIZATIONS)}, or numbers: the means of all "
        "channels, then their standard deviations.",
    ),
    click.option("--encoding", type=click.Choice(ENCODINGS), help="How samples become inputs."),
    click.option("--gain", type=FINITE, help="Spike probability of a pixel of 1 in rate coding."),
    click.option("--timesteps", type=int, help="Number of timesteps T of one inference."),
    click.option("--seed", type=int, help="Seed of the random input spikes and of training."),
    click.option("--limit", type=int, metavar="N", help="Use the first N test samples."),
    click.option(
        "--split",
        type=click.Choice(("test", "validation")),
        help="Samples to measure on. Validation is the validation split of the data, or the last "
        "fifth of the training samples, which then takes no part in training and calibration. "
        "The default is test.",
    ),
)


def exit_options(text: str) -> Callable[[Function], Function]:
    """`--exit` and `--confidence`.

    Args:
        text: help of `--exit`.
    """
    return _stack(
        click.option("--exit", "exit_rule", type=click.Choice(EXITS), help=text),
        click.option(
            "--confidence",
            type=FiniteRange(0, 1),
            metavar="P",
            help="With --exit confidence: the threshold lets the accuracy on training samples "
            "fall by at most 1 − P; 0.99 unless given.",
        ),
    )


network_options = _stack(
    click.option("--theta", type=FINITE, help="Firing threshold θ, if the file does not hold it."),
    click.option("--tau", type=FINITE, help="Decay τ of neurons that do not learn it."),
    click.option(
        "--neuron",
        type=click.Choice(NEURONS),
        metavar="KIND",
        help="Neuron kind, named as in the authors' code: ultratlif, ultratplif, ultradlif, lif, …",
    ),
    click.option(
        "--skip/--no-skip",
        default=None,
        help="Whether there are residual connections, if the file does not hold it.",
    ),
    click.option(
        "--stateless/--stateful",
        default=None,
        help="Whether a ConvSNN resets its membrane potentials at every timestep, if the file does "
        "not hold it.",
    ),
)

model_options = _stack(
    network_options,
    click.option(
        "--input-side", type=int, help="Height and width of the images of a convolutional network."
    ),
    click.option(
        "--membrane",
        type=click.Choice(MEMBRANES),
        help="Membrane of UltraLIF neurons: hard makes it a maximum, soft keeps the soft maximum "
        "with its ε. Spikes are hard in both.",
    ),
    click.option(
        "--spike-bits",
        type=SpikeBitsType(),
        metavar="N|auto",
        help="Bits of a hidden neuron's spike: 1 is a step function, 2 to 4 keep levels of it; or "
        "NAME=N,NAME=N by population. With auto, deploy and quantize give each population as few "
        "as --max-gap allows on training samples.",
    ),
    click.option(
        "--table",
        type=click.IntRange(1, 4096),
        metavar="N",
        help="Entries of the table that turns a maximum into a soft maximum (--membrane soft).",
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
        help="Fraction bits of the coefficients of second-order neurons.",
    ),
)

nir_options = _stack(
    click.option(
        "--like",
        type=click.Choice(FRAMEWORKS),
        metavar="NAME",
        help=f"Read a NIR file as its framework computes by default: {', '.join(FRAMEWORKS)}. The "
        "options below override single answers.",
    ),
    click.option(
        "--dt", type=FINITE, metavar="SECONDS", help="Timestep of another tool's NIR file."
    ),
    click.option(
        "--reset",
        type=click.Choice(RESETS),
        metavar="MODE",
        help="How the neurons of a NIR file reset: value, subtract, none, late-value, …",
    ),
    click.option(
        "--discretization",
        type=click.Choice(DISCRETIZATIONS),
        help="How the differential equations of a NIR file become timesteps.",
    ),
    click.option(
        "--fires",
        type=click.Choice(FIRING),
        help="Whether the neurons of a NIR file fire above their threshold (v > θ) or already at "
        "it (v ≥ θ).",
    ),
    click.option(
        "--synapse",
        type=click.Choice(SYNAPSES),
        help="Whether the inputs of synapses in a NIR file are currents, pulses as in Norse, or "
        "decaying pulses as in Rockpool.",
    ),
    click.option(
        "--read-out",
        type=click.Choice(READ_OUTS),
        help="Whether the last neurons of a NIR file give their spikes or their membrane "
        "potentials.",
    ),
    click.option(
        "--max-spikes",
        type=click.IntRange(1, 255),
        metavar="N",
        help="Most spikes of a neuron of a NIR file in one timestep (Sinabs, Rockpool). More than "
        "1 needs --reset subtract.",
    ),
    click.option(
        "--min-membrane",
        type=FINITE,
        metavar="V",
        help="Lower bound of the membrane potentials of a NIR file after the reset (Sinabs).",
    ),
    click.option(
        "--output-node",
        metavar="NAME",
        help="The Output node of a NIR file that is read, where it has several.",
    ),
)
expect_option = click.option(
    "--expect",
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="What your framework computed for the samples: spikes [time, sample, neuron] under the "
    "names of their populations, or logits [sample, class]. Counts what differs.",
)
strict_option = click.option(
    "--strict",
    is_flag=True,
    help="Stop instead of guessing where a guess changes the result. Exit with 1 unless the "
    "verdict is yes.",
)

weights_option = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="State dict (.pt) for the module that FILE.py:NAME builds.",
)

WEIGHTS = "Bits per weight, 2 to 8 or ternary, or NAME=N,NAME=N by population."
bits_option = click.option(
    "--bits",
    type=BitsType(automatic=False),
    default="8",
    show_default=True,
    metavar="N",
    help=WEIGHTS,
)
chosen_bits_option = click.option(
    "--bits",
    type=BitsType(automatic=True),
    default="8",
    show_default=True,
    metavar="N|auto",
    help=f"{WEIGHTS} With auto, each population gets as few as --max-gap allows on training "
    "samples.",
)
decay_bits_option = click.option(
    "--decay-bits",
    type=click.IntRange(*DECAY_BITS),
    metavar="N",
    help="Fraction bits of the decays of leaky neurons. The default is as many as needed. "
    "With 12, decays and membrane potentials fit Loihi's registers.",
)
foreign_bits_option = click.option(
    "--bits",
    type=BitsType(automatic=False),
    metavar="N",
    help="Bits per weight, if the file is another tool's NIR. The default is 8.",
)
skip_pass_option = click.option(
    "--skip-pass",
    "skip_passes",
    multiple=True,
    type=click.Choice(PASSES),
    help="Skip this pass. May be given several times.",
)
VERBOSE = "ultralif.verbose"
"""Key under which click's context says that all tables shall be printed."""


def _set_verbose(context: click.Context, option: click.Parameter, value: bool) -> None:
    del option
    context.meta[VERBOSE] = value


verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    callback=_set_verbose,
    help="Print all tables, as in report.html.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on stdout."
)
gap_option = click.option(
    "--max-gap",
    type=FINITE,
    metavar="POINTS",
    help="Exit with 1 if soft accuracy minus integer accuracy is larger, in percentage points. "
    "It is the allowed loss of bits that are chosen with auto too (0.5 if it is not given).",
)
certify_option = click.option(
    "--certify",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Number of samples on which every spike is compared.",
)
lanes_option = click.option(
    "--lanes",
    type=WholeOrAuto(1, 256),
    default="auto",
    show_default=True,
    metavar="N|auto",
    help="Neurons of a population that hardware computes at once: more take fewer cycles and more "
    "logic. auto: 16, and 4 where an update multiplies.",
)
back_ends_option = click.option(
    "--on",
    "back_ends",
    metavar="NAME[,NAME]",
    help=f"Back ends to compare: {', '.join(BACK_ENDS)}. By default all that can run here, without "
    f"those that take long ({', '.join(ON_REQUEST)}).",
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
    help="Python interpreter that can import Lava. The environment variable ULTRALIF_LAVA_PYTHON "
    "sets it too.",
)


def scheduler_option(work: str) -> Callable[[Function], Function]:
    """`--scheduler ADDRESS`.

    Args:
        work: what its workers do, as the end of a sentence.
    """
    return click.option(
        "--scheduler",
        metavar="ADDRESS",
        help=f"Address of a Dask scheduler, such as tcp://10.0.0.1:8786, whose workers {work}.",
    )


def output_option(default: str) -> Callable[[Function], Function]:
    """`-o/--output DIR`."""
    return click.option(
        "-o",
        "--output",
        type=Directory(path_type=Path),
        default=default,
        show_default=True,
        metavar="DIR",
        help="Directory for the results.",
    )
