"""Options of training and annealing."""

import functools
from typing import Any

import click
from click.core import ParameterSource

from ultralif_deploy.cli.option_types import FiniteRange
from ultralif_deploy.errors import UltralifError

_ANNEALING = ("epochs", "learning_rate", "sparsity", "prune")
"""Parameters of `running.annealing` that the options of annealing give."""


def loss_options(function: Any) -> Any:
    """`--learning-rate` and `--sparsity`."""
    rate = click.option(
        "--learning-rate",
        type=FiniteRange(min=0, min_open=True),
        default=1e-3,
        show_default=True,
        help="Learning rate of Adam at the start.",
    )
    sparsity = click.option(
        "--sparsity",
        type=FiniteRange(min=0),
        default=0.0,
        show_default=True,
        metavar="LAMBDA",
        help="Weight of a penalty on the mean spike rate.",
    )
    return rate(sparsity(function))


def _refuse_without_annealing() -> None:
    context = click.get_current_context()
    for name in _ANNEALING:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UltralifError(f"--{name.replace('_', '-')}: nothing is annealed; add --anneal")


def anneal_options(function: Any) -> Any:
    """Options of annealing, which reach the command as one argument `schedule`.

    Where the command anneals only with `--anneal`, they are refused without it.
    """

    @functools.wraps(function)
    def command(*arguments: Any, **given: Any) -> Any:
        schedule = {name: given.pop(name) for name in _ANNEALING}
        if given.get("anneal") is False:
            _refuse_without_annealing()
        return function(*arguments, schedule=schedule, **given)

    epochs = click.option(
        "--epochs",
        type=click.IntRange(min=0),
        default=20,
        show_default=True,
        help="Passes over the training samples, with hard spikes and a straight-through gradient; "
        "ε falls in the first third where no membrane leaks by a factor. 0 trains nothing and "
        "re-estimates batch norm and thresholds, without labels.",
    )
    prune = click.option(
        "--prune",
        type=FiniteRange(min=0, max=1, max_open=True),
        default=0.0,
        show_default=True,
        metavar="SHARE",
        help="Share of the weights of each layer that become 0 while the others are trained. A "
        "weight of 0 takes no synaptic operation.",
    )
    return epochs(loss_options(prune(command)))
