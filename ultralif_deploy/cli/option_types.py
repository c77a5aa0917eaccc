"""Types of options: numbers that are finite, bits of weights and spikes, directories."""

import math
import re
from typing import TYPE_CHECKING, Any

import click

from ultralif_deploy.io.memory import size_bytes

if TYPE_CHECKING:
    Parameter = click.ParamType[Any]
else:  # click's types take no parameter when the program runs
    Parameter = click.ParamType

BITS = ("2", "3", "4", "5", "6", "7", "8", "ternary")
SPIKE_BITS = ("1", "2", "3", "4")
AUTO = "auto"

NUMBER = r"\d{1,15}(?:\.\d{1,15})?(?:e-?\d{1,3})?"
JOULES = {"p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "": 1.0}
"""Joules of a unit, by its prefix."""

Bits = str | dict[str, str]
"""One weight format for all populations, or one for each by name."""


class BitsType(Parameter):
    """Bits of weights: for all populations alike, or NAME=N,NAME=N for each by name.

    Args:
        automatic: whether `auto` may choose them.
        words: bits that there are.
    """

    name = "bits"

    def __init__(self, automatic: bool, words: tuple[str, ...] = BITS) -> None:
        self.words = (*words, AUTO) if automatic else words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Bits:
        """One format, or the format of each population.

        Args:
            value: value that the user gave.
            param: the option.
            ctx: context of the command.
        """
        if isinstance(value, dict) or value in self.words:
            given: Bits = value
            return given
        pairs = [one.rpartition("=")[::2] for one in str(value).split(",")]
        names = [name for name, _ in pairs]
        taken = [one for one in self.words if one != AUTO]
        if not all(name and bits in taken for name, bits in pairs):
            expected = ", ".join(self.words)
            self.fail(f"{value!r}; expected {expected}, or NAME=N,NAME=N by population", param, ctx)
        if len(set(names)) < len(names):
            self.fail(f"{value!r}; expected every population once", param, ctx)
        return dict(pairs)


class SpikeBitsType(BitsType):
    """Bits of spikes: 1 to 4 for all populations alike, NAME=N,NAME=N, or `auto`."""

    def __init__(self) -> None:
        super().__init__(automatic=True, words=SPIKE_BITS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, the number of each population, or `auto`.

        Args:
            value: value that the user gave.
            param: the option.
            ctx: context of the command.
        """
        if isinstance(value, int):
            return value
        found = super().convert(value, param, ctx)
        if isinstance(found, dict):
            return {name: int(one) for name, one in found.items()}
        return found if found == AUTO else int(found)


class WholeOrAuto(click.IntRange):
    """A whole number in a range, or `auto`, which is None."""

    name = "number or auto"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number, or None.

        Args:
            value: value that the user gave.
            param: the option.
            ctx: context of the command.
        """
        return None if value == "auto" else super().convert(value, param, ctx)


class _BadNumber(click.ClickException):
    """Ends the command in one line, as bad input does everywhere."""

    exit_code = 2


def _finite(value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
    number: float = click.FLOAT.convert(value, param, ctx)
    if not math.isfinite(number):
        name = "" if param is None else f"{param.opts[0].lstrip('-').replace('-', ' ')} = "
        raise _BadNumber(f"{name}{number}; expected a finite number")
    return number


class Finite(click.types.FloatParamType):
    """A number that is neither nan nor infinite."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, or an error of one line that names the option.

        Args:
            value: value that the user gave.
            param: the option.
            ctx: context of the command.
        """
        return _finite(value, param, ctx)


class FiniteRange(click.FloatRange):
    """The same in a range."""

    name = "float"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, or an error of one line that names the option.

        Args:
            value: value that the user gave.
            param: the option.
            ctx: context of the command.
        """
        number: float = super().convert(_finite(value, param, ctx), param, ctx)
        return number


class MemorySize(Parameter):
    """A size of memory, as 500M or 8G; kept as text."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, if it is a size.

        Args:
            value: value that the user gave.
            param: the option.
            ctx: context of the command.
        """
        try:
            size_bytes(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Energy(Parameter):
    """An energy, as 50nJ or 1.2 uJ; joules as a number."""

    name = "energy"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The joules.

        Args:
            value: value that the user gave.
            param: the option.
            ctx: context of the command.
        """
        found = re.fullmatch(rf"({NUMBER})\s*([pnuµm]?)J", str(value).strip())
        joules = float(found[1]) * JOULES[found[2]] if found else 0.0
        if not 0 < joules < math.inf:
            self.fail(f"{value!r}; expected an energy above 0, as 50nJ or 1.2uJ", param, ctx)
        return joules


class Cores(Parameter):
    """Cores of chips, as loihi2=4."""

    name = "cores"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, int]:
        """The number of cores by chip.

        Args:
            value: value that the user gave.
            param: the option.
            ctx: context of the command.
        """
        pairs = [one.partition("=")[::2] for one in str(value).split(",")]
        if not all(chip and re.fullmatch(r"[1-9]\d{0,8}", count) for chip, count in pairs):
            self.fail(f"{value!r}; expected CHIP=N, as loihi2=4", param, ctx)
        return {chip: int(count) for chip, count in pairs}


class Directory(click.Path):
    """A path that may not be empty. An unset variable of a shell gives an empty one."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path.

        Args:
            value: the value on the command line.
            param: click's option, named in errors.
            ctx: click's context of the command.
        """
        if value == "":
            self.fail("it is empty; expected a directory, '.' for the current one", param, ctx)
        return super().convert(value, param, ctx)
