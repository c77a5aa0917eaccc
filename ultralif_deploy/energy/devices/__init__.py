"""Device descriptions: constants with unit, coverage, node, source and verification mark."""

import reprlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ultralif_deploy.energy.chips import CHIPS
from ultralif_deploy.energy.models import ENERGY_MODELS
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.files import readable_file
from ultralif_deploy.schema import energy as schema
from ultralif_deploy.schema.values import Badge

T = TypeVar("T", bound=str)

HERE = Path(__file__).parent
SHIPPED = tuple(sorted(path.stem for path in HERE.glob("*.toml")))
"""Names of the devices in the package."""

SI = {"pJ": 1e-12, "pJ/bit": 1e-12, "W": 1.0}
"""Joule per unit of a count: events, bits, or seconds of a power."""

BADGES: tuple[Badge, ...] = ("published", "fitted", "estimated")
"""Whether a device's figures are its makers', fitted to measurements, or put together here."""

FIGURE_LIMIT = 1e12
"""Figures of devices lie below."""

WIDEST_BITS = 1 << 20
"""Of one memory access."""

MOST_BYTES = 1 << 20
"""A description is a few kilobytes; larger files are none."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One published figure.

    Attributes:
        value: figure in `unit`, or None where nothing is published.
        low: smallest figure that sources give; the value where they give one.
        high: largest figure that sources give.
        unit: a key of `SI`.
        covers: events that the figure covers.
        node: technology and voltage.
        access_bits: width of the memory access that the figure is for; None for other events.
        source: publication of the figure.
        mark: V read in the source, S quoted by a secondary source, none where none was found.
    """

    value: float | None
    low: float | None
    high: float | None
    unit: str
    covers: str
    node: str
    access_bits: int | None
    source: str
    mark: str

    @property
    def ranges(self) -> bool:
        """Whether sources differ."""
        return self.low != self.high

    def joule(self, which: str = "value") -> float | None:
        """`value`, `low` or `high` in joules per event, bit or second."""
        figure = getattr(self, which)
        return None if figure is None else figure * SI[self.unit]

    def as_dict(self) -> schema.Constant:
        """Plain values for report.json."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            "covers": self.covers,
            "node": self.node,
            "access_bits": self.access_bits,
            "source": self.source,
            "mark": self.mark,
        }


@dataclass(frozen=True, slots=True)
class Device:
    """Constants, and the model that they belong to.

    Attributes:
        name: short name.
        description: description of the device.
        model: a key of `energy.models.ENERGY_MODELS`.
        badge: one of `BADGES`.
        not_covered: costs that the figures leave out.
        chip: chip whose placed run the model counts on, or None.
        nearest: device to take instead, named by one without figures; else None.
        constants: constants by the names that the model uses.
    """

    name: str
    description: str
    model: str
    badge: Badge
    not_covered: str
    chip: str | None
    nearest: str | None
    constants: Mapping[str, Constant]

    @property
    def has_figures(self) -> bool:
        """Whether anything is published about its costs."""
        return any(one.value is not None for one in self.constants.values())


def load_devices(names: Iterable[str]) -> list[Device]:
    """Read the devices whose energy is to be estimated.

    Args:
        names: names of shipped devices, or paths of .toml files.

    Raises:
        UltralifError: the same as `load_device`, or a device without figures that names another.
    """
    devices = [load_device(name) for name in names]
    for one in devices:
        if one.nearest is not None and not one.has_figures:
            raise UltralifError(
                f"energy device {one.name}: no cost of an operation is published; the nearest with "
                f"figures is {one.nearest}"
            )
    return devices


def load_device(name: str) -> Device:
    """Read a shipped device by name, or a .toml file by path.

    Raises:
        UltralifError: unknown device, or a file that does not describe one.
    """
    path = HERE / f"{name}.toml" if name in SHIPPED else Path(name)
    if name not in SHIPPED and path.suffix != ".toml":
        raise UltralifError(
            f"energy device {name!r}; available: {', '.join(SHIPPED)}, or a .toml file"
        )
    path = readable_file(path)
    if (size := path.stat().st_size) > MOST_BYTES:
        raise UltralifError(f"{path}: {size:,} bytes; at most {MOST_BYTES:,} are read")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return _device(path.stem, content)
    except KeyError as error:
        raise UltralifError(f"{path}: no entry {error}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UltralifError(f"{path}: not a device description ({error})") from error


def _device(name: str, content: dict[str, Any]) -> Device:
    model = _one_of(content["model"], "model", tuple(ENERGY_MODELS))
    known = ENERGY_MODELS[model].constants
    constants = {
        _one_of(key, f"constant of the model {model}", known): _constant(entry, content["node"])
        for key, entry in content["constants"].items()
    }
    chip, needed = content.get("chip"), ENERGY_MODELS[model].chip
    if needed is not None and chip != needed:
        raise ValueError(f"chip {chip!r}; the model {model} counts on {needed!r}")
    return Device(
        name,
        _text(content["description"]),
        model,
        _one_of(content["badge"], "badge", BADGES),
        _text(content["not_covered"]),
        None if chip is None else _one_of(chip, "chip", tuple(CHIPS)),
        None if "nearest" not in content else _one_of(content["nearest"], "nearest", SHIPPED),
        constants,
    )


def _constant(entry: dict[str, Any], node: object) -> Constant:
    unit = _one_of(entry["unit"], "unit", tuple(SI))
    value = None if entry["value"] == "unknown" else _figure(entry["value"])
    low, high = (value if k not in entry else _figure(entry[k]) for k in ("low", "high"))
    if value is not None and not (low or 0.0) <= value <= (high or 0.0):
        raise ValueError(f"value {value} outside its range {low} to {high}")
    access = entry.get("access_bits")
    if access is not None and (type(access) is not int or not 1 <= access <= WIDEST_BITS):
        raise ValueError(
            f"access_bits {reprlib.repr(access)}; expected a whole number, 1 to {WIDEST_BITS}"
        )
    texts = (_text(entry[k]) for k in ("covers", "source", "mark"))
    covers, source, mark = texts
    node = _text(entry.get("node", node))
    return Constant(value, low, high, unit, covers, node, access, source, mark)


def _figure(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"value {value!r}; expected a number or 'unknown'")
    if not 0 <= value < FIGURE_LIMIT:
        found = reprlib.repr(value)
        raise ValueError(f"value {found}; expected a number of at least 0, below {FIGURE_LIMIT:g}")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r}; expected text")
    return value


def _one_of(value: object, what: str, allowed: tuple[T, ...]) -> T:
    if value not in allowed:
        raise ValueError(f"{what} {value!r}; expected one of {', '.join(allowed)}")
    return allowed[allowed.index(value)]
