"""The parts of a page: sections of paragraphs, tables and figures, which the template renders."""

from dataclasses import dataclass
from typing import Any

from ultralif_deploy.report.words import Sentence


@dataclass(frozen=True, slots=True)
class Mark:
    """An SVG element.

    Attributes:
        tag: its name: rect, line, text, g, …
        attributes: pairs of a name and a value.
        text: its text.
        inside: the elements inside it.
    """

    tag: str
    attributes: tuple[tuple[str, str], ...]
    text: str = ""
    inside: tuple["Mark", ...] = ()


def mark(tag: str, *inside: Mark, text: str = "", **attributes: float | str) -> Mark:
    """An SVG element; in names of attributes `class_` means `class`, and other `_` mean `-`."""
    named = {name.rstrip("_").replace("_", "-"): v for name, v in attributes.items()}
    return Mark(tag, tuple((k, number(v)) for k, v in named.items()), text, inside)


def number(value: float | str) -> str:
    """The value of an attribute as text: at most two decimals, and no trailing zeros."""
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".")


def across(fraction: float) -> str:
    """A horizontal position or length as a percentage, from a share of the figure's width."""
    return f"{number(100 * fraction)}%"


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing that fills the width of its place, while its text keeps its size.

    Attributes:
        title: title above the drawing, and its accessible name.
        description: description of the drawing, for those who cannot see it.
        height: height in CSS pixels; horizontal positions are percentages.
        marks: its elements; later ones lie on top.
        legend: pairs of a CSS class and its meaning.
        note: text below the drawing.
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
        text: the text that is shown.
        order: the value by which the column is sorted.
        style: CSS classes, for example `badge published`, `good`, `bad` or `code`; may be empty.
        link: address of a file beside the page, to which the text leads; may be empty.
    """

    text: str
    order: Any
    style: str = ""
    link: str = ""


def cell(value: Any, text: str | None = None, style: str = "") -> Cell:
    """A cell sorted by its value; None is shown as a dash and sorted last.

    Args:
        value: the value by which the column is sorted.
        text: text that is shown instead of the value.
        style: see `Cell`.
    """
    shown = ("–" if value is None else str(value)) if text is None else text
    return Cell(shown, "" if value is None else value, style)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; numeric ones are aligned to the right and sorted as numbers."""

    name: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title, and an optional note below.

    Attributes:
        title: title above the table, and its accessible name.
        columns: names of the columns.
        rows: cells of every row.
        note: text below the table.
        elsewhere: name of the file that has the same figures. If it is given, the table is on
            screen only, and on paper stands where the figures are.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    elsewhere: str = ""


def columns(*names: str) -> tuple[Column, ...]:
    """Columns with these names; a # before the name makes a column numeric."""
    return tuple(Column(name.removeprefix("#"), name.startswith("#")) for name in names)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        key: the anchor for links.
        title: the heading.
        paragraphs: text below the heading.
        figures: drawings below the text, side by side if there is room.
        tables: tables below the figures.
        pictures: small drawings below the tables, as many in a row as there is room for.
    """

    key: str
    title: str
    paragraphs: tuple[Sentence, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A figure that the first screen shows in large type.

    Attributes:
        value: the figure with its unit.
        meaning: what it is, in a few words.
    """

    value: Sentence
    meaning: Sentence


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page.

    Attributes:
        kind: kind of the report, above the title.
        subject: title of the page.
        headline: the result, in a few words.
        style: CSS class of the headline: `good`, `doubtful` or `bad`.
        warnings: warnings above the summary.
        summary: the answer to each question.
        sections: the sections from top to bottom.
        version: version of ultralif-deploy.
        figures_file: name of the JSON file with the same figures.
        opening: a line below the headline, before everything else.
        key_figures: figures in large type below the headline.
        picture: drawing beside the summary.
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
    opening: str = ""
    key_figures: tuple[KeyFigure, ...] = ()
    picture: Figure | None = None
