"""Draw the pictures of the page of concepts as SVG.

python examples/concept_pictures.py            # draws them anew
python examples/concept_pictures.py --check    # exit 1 where one is out of date
"""

import math
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from generated import write_or_check

IMAGES = Path(__file__).parent.parent / "ultralif_deploy" / "docs" / "images"
WIDTH = 640
INK, LIGHT, BLUE, ORANGE = "#222", "#bbb", "#1f5fa8", "#c0560b"


def document(height: int, title: str, parts: Sequence[str]) -> str:
    """A picture on white, so that it can be read in a dark page too."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" font-family="sans-serif" font-size="13">\n'
        f"<title>{escape(title)}</title>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{INK}"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def text(x: float, y: float, said: str, anchor: str = "middle", colour: str = INK) -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(said)}</text>"


def line(x1: float, y1: float, x2: float, y2: float, colour: str = INK, extra: str = "") -> str:
    ends = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
    return f'<line {ends} stroke="{colour}"{extra}/>'


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return line(x1, y1, x2, y2, extra=' marker-end="url(#head)"')


def box(x: float, y: float, width: float, height: float, *lines: str, fill: str = "#fff") -> str:
    """A box with lines of text in its middle."""
    frame = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4"'
    first = y + height / 2 + 5 - 8 * (len(lines) - 1)
    said = (text(x + width / 2, first + 16 * i, one) for i, one in enumerate(lines))
    return f'{frame} fill="{fill}" stroke="{INK}"/>{"".join(said)}'


def dot(x: float, y: float, colour: str, radius: float = 4) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{colour}"/>'


def hard_limit() -> str:
    """The spike σ((v − θ)/ε) for falling ε, and the step that is left."""
    left, right, top, bottom = 60.0, 600.0, 30.0, 210.0

    def place(v: float, spike: float) -> tuple[float, float]:
        return left + (v + 1) / 2 * (right - left), bottom - spike * (bottom - top)

    parts = [arrow(left, bottom, right + 20, bottom), arrow(left, bottom, left, top - 12)]
    parts += [text(620, 232, "membrane potential v", "end"), text(330, 232, "threshold θ")]
    parts += [text(54, bottom, "0", "end"), text(54, top + 5, "1", "end")]
    parts += [text(70, 20, "spike", "start")]
    middle = place(0, 0)[0]
    parts.append(line(middle, top - 5, middle, bottom, LIGHT, ' stroke-dasharray="4 4"'))
    for epsilon, colour, said in ((0.4, LIGHT, 0.55), (0.12, BLUE, 0.3)):
        values = [-1 + i / 100 for i in range(201)]
        points = (place(v, 1 / (1 + math.exp(-v / epsilon))) for v in values)
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = place(said, 1 / (1 + math.exp(-(said) / epsilon)))
        parts.append(text(x + 14, y + 22, f"ε = {epsilon:g}", "start", INK))
    step = [place(-1, 0), place(0, 0), place(0, 1), place(1, 1)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in step)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{ORANGE}" stroke-width="2.5"/>')
    parts.append(text(middle + 8, top + 14, "ε = 0", "start", ORANGE))
    return document(245, "A soft spike becomes a step as ε falls to 0", parts)


def passes() -> str:
    """A layer before and after the passes."""
    parts = [text(20, 26, "as trained, in float64", "start")]
    names = (
        *(("input", ""), ("weights", "w · x + b"), ("batch norm", "γ(y − μ)/σ + β")),
        *(("membrane", "v ← max(…)"), ("threshold", "v ≥ θ")),
    )
    for i, (name, below) in enumerate(names):
        x = 20 + 125 * i
        parts.append(box(x, 38, 100, 50, *filter(None, (name, below))))
        if i:
            parts.append(arrow(x - 25, 63, x, 63))
    parts.append(text(20, 124, "after the passes: the same spikes", "start"))
    kept = ((20, 100, ("input",)), (145, 225, ("weights", "w · γ/σ")))
    for x, width, lines in (*kept, (520, 100, ("threshold", "θ − constants"))):
        parts.append(box(x, 136, width, 50, *lines, fill="#eef4fb"))
    parts += [arrow(120, 161, 145, 161), arrow(370, 161, 520, 161)]
    parts.append(text(445, 152, "membrane left out"))
    return document(205, "Passes fold batch norm into weights and biases into thresholds", parts)


def scales() -> str:
    """Real weights of one neuron, and the integers that are nearest to them."""
    weights, bits = (-0.61, -0.34, -0.05, 0.12, 0.47, 0.70), 4
    largest = 2 ** (bits - 1) - 1
    scale = max(map(abs, weights)) / largest

    def place(weight: float) -> float:
        return 320 + weight / 0.8 * 290

    parts = [text(20, 24, f"weights of a neuron, 4 bits, scale = {scale:.2g}", "start")]
    parts += [line(20, 60, 620, 60, LIGHT), line(20, 130, 620, 130)]
    for q in range(-largest - 1, largest + 1):
        x = place(q * scale)
        parts += [line(x, 125, x, 135), text(x, 153, f"{q:d}".replace("-", "−"))]
    for weight in weights:
        x, q = place(weight), round(weight / scale)
        parts += [arrow(x, 64, place(q * scale), 123), dot(x, 60, BLUE)]
        parts += [dot(place(q * scale), 130, ORANGE)]
        parts.append(text(x, 48, f"{weight:g}".replace("-", "−")))
    parts.append(
        text(
            20,
            182,
            "real weight ≈ scale · integer; the threshold is divided by the same scale",
            "start",
        )
    )
    return document(200, "Weights become integers by one scale for each neuron", parts)


def certificate() -> str:
    """Files, back ends, comparison, and digests."""
    parts = [box(15, 78, 105, 50, "program.nir", "integers", fill="#eef4fb")]
    for i, (files, runs) in enumerate(
        (("", "reference"), ("", "fast"), ("c/", "compiled C"), ("onnx/", "onnxruntime"))
    ):
        y = 12 + 48 * i
        if files:
            parts.append(box(165, y, 80, 36, files))
            parts += [arrow(120, 103, 165, y + 18), arrow(245, y + 18, 280, y + 18)]
        else:
            parts.append(arrow(120, 103, 280, y + 18))
        parts += [box(280, y, 110, 36, runs), arrow(390, y + 18, 435, 103)]
    parts.append(box(435, 78, 90, 50, "all spikes", "are equal?"))
    parts += [arrow(525, 103, 548, 103)]
    parts.append(box(548, 66, 84, 74, "certificate", "digests of", "all of it", fill="#eef4fb"))
    return document(205, "Every back end runs its own files; all spikes are compared", parts)


def counted_energy() -> str:
    """Spikes that meet weights, and what they cost."""
    weights = ((3, 0, -2), (0, 5, 1), (-4, 2, 0), (1, 0, 6))
    spikes = (1, 0, 1, 0)
    parts = [text(80, 24, "input spikes"), text(290, 24, "weights")]
    count = 0
    for row, (spike, line_of_weights) in enumerate(zip(spikes, weights, strict=True)):
        y = 36 + 36 * row
        parts.append(box(60, y, 40, 30, str(spike), fill="#fbe9dc" if spike else "#fff"))
        if spike:
            parts.append(arrow(100, y + 15, 195, y + 15))
        for column, weight in enumerate(line_of_weights):
            met = bool(spike and weight)
            count += met
            fill = "#fbe9dc" if met else "#fff"
            said = str(weight).replace("-", "−")
            parts.append(box(200 + 62 * column, y, 56, 30, said, fill=fill))
    parts += [
        text(410, 60, f"{count} synaptic operations:", "start"),
        text(410, 80, "a spike met a weight that is not 0", "start"),
        text(410, 116, f"{len(spikes) * len(weights[0])} dense operations", "start"),
        text(410, 152, f"energy = {count} · pJ per operation", "start", ORANGE),
        text(410, 172, "+ updates, memory, messages", "start", ORANGE),
    ]
    return document(190, "A synaptic operation is a spike that meets a weight", parts)


PICTURES: dict[str, Callable[[], str]] = {
    "hard-limit": hard_limit,
    "passes": passes,
    "scales": scales,
    "certificate": certificate,
    "counted-energy": counted_energy,
}


def main() -> None:
    write_or_check(__doc__, {IMAGES / f"{name}.svg": draw() for name, draw in PICTURES.items()})


if __name__ == "__main__":
    main()
