"""Networks, programs and traces as lines for a prompt and as tables for a notebook."""

from collections.abc import Collection, Sequence
from html import escape
from typing import Any, Protocol

from ultralif_deploy.program.graph import Projection


class Sized(Protocol):
    """A population of a network or of a program."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def size(self) -> int:
        """Its neurons."""

    @property
    def neuron(self) -> Any:
        """Its model."""


def population_rows(
    populations: Sequence[Sized], projections: Sequence[Projection], delayed: Collection[str]
) -> list[tuple[str, str, str, str]]:
    """Name, number of neurons, model, and where its currents come from, for each population.

    Args:
        populations: in the order of execution.
        projections: between them.
        delayed: names of the projections that act one timestep later.
    """
    rows = []
    for p in populations:
        sources = [
            f"{one.source} ({type(one.map).__name__}{', delayed' * (one.name in delayed)})"
            for one in projections
            if one.target == p.name
        ]
        rows.append((p.name, f"{p.size:,}", type(p.neuron).__name__, ", ".join(sources)))
    return rows


def summary(title: str, rows: Sequence[tuple[str, str, str, str]]) -> str:
    """A title, and a line for each population."""
    lines = (f"  {name}: {size} {model} from {sources}" for name, size, model, sources in rows)
    return "\n".join((title, *lines))


def table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as HTML; all text is escaped.

    Args:
        title: its caption.
        names: names of the columns.
        rows: texts of every row.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows
    )
    caption = f"<caption>{escape(title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
