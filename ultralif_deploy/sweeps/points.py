"""The points of a sweep: every combination of the values of some options."""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.choosing import AUTO

if TYPE_CHECKING:
    from ultralif_deploy.soft.anneal import AnnealOptions

ANNEALING = ("epochs", "learning_rate", "sparsity", "prune")
"""Options of annealing that may vary."""

BUDGETS = ("weight_memory", "max_energy", "max_cores")
"""What bounds bits that are chosen."""

ON_PART = ("part", "lanes")
"""Options of the FPGA that may vary."""

FIXED = ("data", "expect", "strict", "split", "device")
"""Settings that a sweep has for all of its points."""

Values = Mapping[str, Any]
"""What varies, by the name of its option."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """How a checkpoint is deployed; the fields are arguments of `pipeline.deploy`.

    Budgets are for points whose bits are `auto`.
    """

    settings: Settings = field(default_factory=Settings)
    bits: Bits = "8"
    anneal: "AnnealOptions | None" = None
    max_gap: float | None = None
    certified_samples: int = 200
    back_ends: tuple[str, ...] = ()
    energy_devices: tuple[str, ...] = ()
    skip_passes: tuple[str, ...] = ()
    part: str | None = None
    lanes: int | None = None
    weight_memory: int | None = None
    max_energy: float | None = None
    max_cores: Mapping[str, int] | None = None

    def arguments(self) -> dict[str, Any]:
        """Arguments of `pipeline.deploy` beside checkpoint and output."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return given if self.bits == AUTO else given | dict.fromkeys(BUDGETS)

    def with_values(self, values: Values) -> "Deployment":
        """The same with other values of some options.

        Raises:
            UltralifError: an option that cannot vary, or a budget for bits that nobody chooses.
        """
        made = self
        for name, value in values.items():
            made = _with_value(made, name, value)
        unread = [name for name in BUDGETS if name in values]
        if unread and made.bits != AUTO:
            raise UltralifError(f"{unread[0]} varies, but bits are {made.bits}; expected bits auto")
        return made


def varying() -> tuple[str, ...]:
    """Names of the options that may vary."""
    return (
        "bits",
        *ANNEALING,
        *ON_PART,
        *BUDGETS,
        *(f.name for f in fields(Settings) if f.name not in FIXED),
    )


def _with_value(deployment: Deployment, name: str, value: Any) -> Deployment:
    """The deployment with another value of one option."""
    if name not in varying():
        raise UltralifError(f"{name} cannot vary; expected one of {', '.join(varying())}")
    anneal = deployment.anneal
    if name == "bits":
        in_loop = None if anneal is None or anneal.bits is None or value == AUTO else value
        annealed = None if anneal is None else replace(anneal, bits=in_loop)
        return replace(deployment, bits=value, anneal=annealed)
    if name in (*ON_PART, *BUDGETS):
        return replace(deployment, **{name: value})
    if name in ANNEALING:
        if anneal is None:
            raise UltralifError(f"{name} varies, but nothing is annealed; add --anneal")
        return replace(deployment, anneal=replace(anneal, **{name: value}))
    return replace(deployment, settings=replace(deployment.settings, **{name: value}))


def grid(
    vary: Mapping[str, Sequence[Any]], points: int | None = None, seed: int = 0
) -> dict[str, Values]:
    """Points by name, for example `bits=4,spike_bits=2`.

    Args:
        vary: values of every option that varies.
        points: draw so many points of the grid at random; None takes all.
        seed: seed of this choice.

    Raises:
        UltralifError: nothing varies, a value stands twice, or fewer than one point is asked for.
    """
    checked_axes(vary)
    if points is not None and points < 1:
        raise UltralifError(f"{points} points; expected at least 1")
    combined = [
        dict(zip(vary, chosen, strict=True)) for chosen in itertools.product(*vary.values())
    ]
    if points is not None and points < len(combined):
        drawn = sorted(random.Random(seed).sample(range(len(combined)), points))
        combined = [combined[i] for i in drawn]
    return {point_name(values): values for values in combined}


def checked_axes(vary: Mapping[str, Sequence[Any]]) -> None:
    """Refuse axes that make no grid.

    Raises:
        UltralifError: nothing varies, or an option has no values or one twice.
    """
    if not vary:
        raise UltralifError("nothing varies; expected at least one option with its values")
    for name, values in vary.items():
        if not values or len({_written(v) for v in values}) < len(values):
            raise UltralifError(
                f"{name}: values {', '.join(map(_written, values)) or 'none'}; expected at least "
                "one, each once"
            )


def point_name(values: Values) -> str:
    """The name of a point, which is the name of its folder too."""
    return ",".join(f"{name}={_written(value)}" for name, value in values.items())


def _written(value: Any) -> str:
    """A value in a name; only letters that every file system takes."""
    text = "none" if value is None else str(value)
    if isinstance(value, Mapping):
        text = "+".join(f"{key}-{number}" for key, number in value.items())
    return "".join(c if c.isalnum() or c in ".-+_" else "_" for c in text)
