"""Device descriptions: constants with unit, coverage, source and verification mark."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.files import readable_file

HERE = Path(__file__).parent
SHIPPED = tuple(sorted(path.stem for path in HERE.glob("*.toml")))
"""Names of the devices in the package."""

CONSTANTS = (
    "accumulate",
    "multiply_accumulate",
    "neuron_update_active",
    "neuron_update_inactive",
    "spike",
)
"""What a device file gives, each in pJ per event; "unknown" where nothing is published."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One published figure.

    Attributes:
        value_pj: picojoule per event, or None where nothing is published.
        covers: what is in it.
        source: where it was published.
        mark: V read in the source, S quoted by a secondary source.
    """

    value_pj: float | None
    covers: str
    source: str
    mark: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device as published.

    Attributes:
        name: short name.
        description: process, voltage, what the figures are.
        not_covered: what the constants leave out.
        constants: by the names of `CONSTANTS`.
    """

    name: str
    description: str
    not_covered: str
    constants: dict[str, Constant]


def load_device(name: str) -> Device:
    """Read a shipped device by name, or a .toml file by path.

    Raises:
        UltralifError: unknown device, or a file that does not describe one.
    """
    path = HERE / f"{name}.toml" if name in SHIPPED else Path(name)
    if name not in SHIPPED and path.suffix != ".toml":
        raise UltralifError(f"device {name!r}; available: {', '.join(SHIPPED)}, or a .toml file")
    path = readable_file(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        constants = {key: _constant(content["constants"][key]) for key in CONSTANTS}
        return Device(path.stem, content["description"], content["not_covered"], constants)
    except KeyError as error:
        raise UltralifError(f"{path}: no entry {error}; expected {', '.join(CONSTANTS)}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UltralifError(f"{path}: not a device description ({error})") from error


def _constant(entry: dict[str, object]) -> Constant:
    if entry["unit"] != "pJ":
        raise ValueError(f"unit {entry['unit']!r}; expected 'pJ'")
    value = entry["value"]
    if value != "unknown" and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise ValueError(f"value {value!r}; expected a number or 'unknown'")
    number = float(value) if isinstance(value, (int, float)) else None
    if number is not None and not 0 <= number < 1e12:
        raise ValueError(f"value {number}; expected picojoule, at least 0")
    return Constant(number, str(entry["covers"]), str(entry["source"]), str(entry["mark"]))
