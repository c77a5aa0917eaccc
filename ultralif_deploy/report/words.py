"""How numbers are written in the terminal and in the HTML report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from ultralif_deploy.schema.expected import ExpectedSpikes
from ultralif_deploy.schema.report import ProgramSize

Format = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Datum:
    """A figure of report.json within a sentence.

    Attributes:
        pointer: its JSON pointer in report.json (RFC 6901).
        value: its value in report.json.
        text: the text that is printed.
    """

    pointer: str
    value: Any
    text: str

    def __str__(self) -> str:
        return self.text


Sentence = tuple[str | Datum, ...]
"""A sentence as a sequence of words and figures."""


def datum(report: Mapping[str, Any], written: Format, *path: str | int) -> Datum:
    """The figure at a path of a report.

    Args:
        report: the content of report.json.
        written: formats the figure.
        path: the keys and indices that lead to the figure.
    """
    value: Any = report
    for key in path:
        value = value[key]
    pointer = "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)
    return Datum(pointer, value, written(value))


def plain(sentence: Sentence) -> str:
    """A sentence as text, without the JSON pointers of its figures."""
    return "".join(str(part) for part in sentence)


def expected_words(found: ExpectedSpikes) -> str:
    """How a deployment compares with what the user's framework computed, in one sentence."""
    populations = found["populations"].values()
    spikes = sum(one["spikes"] for one in populations)
    floats = [one["float"] for one in populations if one["float"] is not None]
    parts = [f"{sum(floats):,} values differ in the float network"] if floats else []
    if populations:
        integer = sum(one["integer"] for one in populations)
        parts.append(f"{integer:,} values differ in the integer program")
    if found["float_logits"] is not None:
        parts.append(f"{found['float_logits']:,} logits differ in the float network")
    expects = f"{spikes:,} spikes" if populations else "logits"
    return f"{found['file']} expects {expects}: {', '.join(parts)}."


def joule(value: float) -> str:
    """Joules with an SI prefix, for example 1.83 µJ."""
    for factor, unit in ((1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e-12:.3g} pJ"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage, or a dash."""
    return "–" if fraction is None else f"{100 * fraction:.2f} %"


def points(value: float) -> str:
    """Percentage points with their sign."""
    return f"{value:+z.2f}".replace("-", "−")


def whole(value: float) -> str:
    """A count, rounded to a whole number, with separators."""
    return f"{value:,.0f}"


def significant(value: float) -> str:
    """Two significant digits."""
    return f"{value:.2g}"


def figure(value: float) -> str:
    """Five significant digits."""
    return f"{value:.5g}"


def short(value: float) -> str:
    """About two digits; large values have no exponent."""
    return f"{value:.2g}" if abs(value) < 100 else f"{float(f'{value:.3g}'):,.0f}"


def rate(value: float | None) -> str:
    """A spike rate, or a dash."""
    return "–" if value is None else f"{value:.4f}"


def ratio(value: float) -> str:
    """A ratio: ×0.52."""
    return f"×{value:.2f}" if 0.1 <= value < 100 else f"×{short(value)}"


def signed(written: Format) -> Format:
    """The same format with a sign before each figure."""
    return lambda value: f"{'−' if value < 0 else '+'}{written(abs(value))}"


class Ranged(TypedDict):
    """A constant with its range."""

    value: float | None
    low: float | None
    high: float | None
    unit: str


def constant(entry: Ranged) -> str:
    """A constant of a device with its unit, and its range if sources differ."""
    if entry["value"] is None:
        return "not published"
    text = f"{entry['value']:.12g} {entry['unit']}"
    low, high = entry["low"], entry["high"]
    return text if low == high else f"{text} ({low:.12g} – {high:.12g})"


def without_energy(not_published: Sequence[str]) -> str:
    """Why a device has no energy: `not published` for constants, otherwise `not placed`."""
    return "not published" if not_published else "not placed"


def weights_in_words(program: ProgramSize) -> str:
    """`8-bit`, `ternary` or `fc1: 4-bit, readout: 8-bit`."""
    bits = program["weight_bits"]
    if isinstance(bits, dict):
        return ", ".join(f"{name}: {format_in_words(one)}" for name, one in bits.items())
    return format_in_words(bits)


def format_in_words(bits: int | str) -> str:
    """`4-bit` or `ternary`."""
    return f"{bits}-bit" if isinstance(bits, int) else bits


RESOURCES = (
    ("look-up tables", "luts"),
    ("flip-flops", "flip_flops"),
    ("block RAMs", "block_rams"),
    ("multipliers", "dsps"),
)
"""Resources of an FPGA in words, with their keys in the schema."""
