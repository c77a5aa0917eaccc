"""Scalable figures as text, whose colours the page's style sheet gives: they follow dark and print.

Lengths are in units of the figure's own box, `WIDTH` wide; the page scales it.
"""

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

WIDTH = 440
LINE = 22
"""Height of one row of a bar chart."""

CHARACTER = 6.4
"""Average width of a character of the labels."""


def figure(title: str, description: str, height: float, parts: Iterable[str]) -> Markup:
    """A figure with an accessible name.

    Args:
        title: short.
        description: what it shows, in words.
        height: of the box.
        parts: elements.
    """
    name = escape(f"{title}. {description}")
    body = "".join(parts)
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {_n(height)}" role="img" aria-label="{name}">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{body}</svg>"
    )


def text(x: float, y: float, content: str, style: str = "", anchor: str = "start") -> str:
    """A label; `style` is a class of the page's style sheet."""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"'
        f"{_class(style)}>{escape(content)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A straight line."""
    return f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"{_class(style)}/>'


def rect(x: float, y: float, width: float, height: float, style: str, hover: str = "") -> str:
    """A filled rectangle; `hover` is its own name."""
    title = f"<title>{escape(hover)}</title>" if hover else ""
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0.0))}" height="{_n(height)}"'
    return f"<rect {place}{_class(style)}>{title}</rect>"


def circle(x: float, y: float, radius: float, style: str, hover: str = "") -> str:
    """A dot."""
    title = f"<title>{escape(hover)}</title>" if hover else ""
    place = f'cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"'
    return f"<circle {place}{_class(style)}>{title}</circle>"


def polyline(points: Sequence[tuple[float, float]], style: str) -> str:
    """Points joined by lines."""
    joined = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
    return f'<polyline points="{joined}"{_class(style)}/>'


def cells(places: Iterable[tuple[float, float]], size: tuple[float, float], style: str) -> str:
    """Many equal rectangles as one path."""
    width, height = size
    path = "".join(f"M{_n(x)} {_n(y)}h{_n(width)}v{_n(height)}h{_n(-width)}z" for x, y in places)
    return f'<path d="{path}"{_class(style)}/>' if path else ""


def legend(entries: Sequence[tuple[str, str]], y: float) -> tuple[list[str], float]:
    """Coloured squares with names, and the height that they take; (class, name) each."""
    parts, x, top = [], 0.0, y
    for style, name in entries:
        width = 20 + CHARACTER * len(name) + 8
        if x + width > WIDTH:
            x, y = 0.0, y + 16
        parts += [rect(x, y, 10, 10, style), text(x + 14, y + 9, name, "small")]
        x += width
    return parts, y + 18 - top


def label_width(labels: Iterable[str]) -> float:
    """Room for labels beside bars, at most a third of the figure."""
    return min(WIDTH / 3, 10 + CHARACTER * max((len(label) for label in labels), default=0))


def shortened(label: str, width: float) -> str:
    """A label that fits, its middle left out where it does not."""
    most = int(width / CHARACTER) - 1
    if len(label) <= most:
        return label
    half = max(1, (most - 1) // 2)
    return f"{label[:half]}…{label[-half:]}"


def _class(style: str) -> str:
    return f' class="{style}"' if style else ""


def _n(value: float) -> str:
    """A coordinate in as few characters as it needs."""
    return f"{value:.1f}".rstrip("0").rstrip(".")
