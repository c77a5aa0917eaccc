"""What a page is made of: sections of paragraphs, tables and figures. The template draws them."""

from dataclasses import dataclass
from typing import Any

from ultralif_deploy.report.words import Sentence


@dataclass(frozen=True, slots=True)
class Mark:
    """An SVG element.

    Attributes:
        tag: rect, line, text, g, …
        attributes: by name; numbers are written with two decimals at most.
        text: its text.
        inside: elements within it.
    """

    tag: str
    attributes: tuple[tuple[str, str], ...]
    text: str = ""
    inside: tuple["Mark", ...] = ()


def mark(tag: str, *inside: Mark, text: str = "", **attributes: float | str) -> Mark:
    """An SVG element; `class_` is `class`, underscores in names are hyphens."""
    named = {name.rstrip("_").replace("_", "-"): v for name, v in attributes.items()}
    return Mark(tag, tuple((k, number(v)) for k, v in named.items()), text, inside)


def number(value: float | str) -> str:
    """An attribute's value: at most two decimals, no trailing zeros."""
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".")


def across(fraction: float) -> str:
    """A horizontal position or length, as a share of the figure's width."""
    return f"{number(100 * fraction)}%"


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing: as wide as its place, with text that keeps its size.

    Attributes:
        title: its accessible name, shown above it.
        description: what it shows, for those who cannot see it.
        height: in CSS pixels; horizontal positions are percentages.
        marks: elements, the lowest first.
        legend: class of a swatch and its meaning.
        note: shown below.
    """

    title: str
    description: str
    height: float
    marks: tuple[Mark, ...]
    legend: tuple[tuple[str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell.

    Attributes:
        text: as shown.
        order: what the column is sorted by.
        style: `badge published`, `good`, `bad`, `code`, or none.
    """

    text: str
    order: Any
    style: str = ""


def cell(value: Any, text: str | None = None, style: str = "") -> Cell:
    """A cell sorted by its value; None is shown as a dash and sorted last.

    Args:
        value: what the column is sorted by.
        text: shown instead of the value.
        style: see `Cell`.
    """
    shown = ("–" if value is None else str(value)) if text is None else text
    return Cell(shown, "" if value is None else value, style)


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column; figures are aligned to the right and sorted as numbers."""

    name: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its title."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def columns(*names: str) -> tuple[Column, ...]:
    """Columns by their names; a # before the name marks figures."""
    return tuple(Column(name.removeprefix("#"), name.startswith("#")) for name in names)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        key: its anchor.
        title: its heading.
        paragraphs: words before the rest.
        figures: shown side by side where there is room.
        tables: below the figures.
    """

    key: str
    title: str
    paragraphs: tuple[Sentence, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page.

    Attributes:
        kind: what it is, above its title.
        subject: its title.
        headline: the result, in a few words.
        style: of the headline: `good`, `doubtful` or `bad`.
        warnings: above the summary.
        summary: question to answer.
        sections: in their order.
        version: of the tool.
        figures_file: the file beside it with the same figures.
    """

    kind: str
    subject: str
    headline: str
    style: str
    warnings: tuple[str, ...]
    summary: dict[str, Sentence]
    sections: tuple[Section, ...]
    version: str
    figures_file: str
