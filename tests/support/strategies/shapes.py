"""What drawn programs and networks have in common: kinds, populations, projections, inputs.

Shapes and modes are drawn by hypothesis, so that they shrink; the arrays are filled from one drawn
seed. `inputs_for` draws full inputs, steady or blinking, often.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.network import Input, Network
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT

KINDS = ("threshold", "tropical", "lif", "released", "paper", "cubalif", "logmax")
LEAKY = ("lif", "released", "paper", "cubalif")
FINE = (*LEAKY, "logmax", "gradedmax", "gradedlif", "gradedreleased", "gradedpaper")
GRADED = ("multi", "gradedmax", "gradedlif", "gradedreleased", "gradedpaper")
READOUTS = ("integrator", "integrator", "li", "cubali")
FORMATS = ("8", "4", "3", "2", "ternary")


MAXIMA = (1, 255, 1, 7, 127)
READOUT = "out"
MODES = ("full", "blinking", "graded", "binary", "silent")

sizes = st.integers(1, 7)
seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Shape:
    """Names in order with their sizes, and (source, target, kind) of every projection.

    The kind is True for an identity, False for a matrix, or a convolution with weights of 0.
    """

    sizes: dict[str, int]
    projections: list[tuple[str, str, bool | Conv2d]]

    def convolved(self) -> set[str]:
        """Populations that a convolution drives."""
        return {target for _, target, kind in self.projections if isinstance(kind, Conv2d)}


@st.composite
def shapes(
    draw: st.DrawFn,
    populations: int = 4,
    delayed: bool = True,
    chain: bool = False,
    images: bool | None = None,
) -> Shape:
    """1 to `populations` populations and a read-out; skip and delayed projections among them.

    In a chain every population is driven by the one before it alone, through weights. With
    `images`, there are always convolutions; None draws whether there are, but in chains.
    """
    names = [f"p{i}" for i in range(draw(st.integers(1, populations)))]
    recurrent = delayed and draw(st.booleans())
    known = {INPUT: draw(sizes)} | {name: draw(sizes) for name in names} | {READOUT: draw(sizes)}
    projections: list[tuple[str, str, bool | Conv2d]] = []
    shown: dict[str, tuple[int, int, int]] = {}
    if images or (images is None and not chain and draw(st.booleans())):
        shown[INPUT] = draw(st.tuples(st.integers(1, 2), st.integers(1, 4), st.integers(1, 4)))
        known[INPUT] = math.prod(shown[INPUT])
        # All sizes are settled before the projections: a convolution gives its target's.
        for before, name in pairwise([INPUT, *names]):
            source = before if chain else draw(st.sampled_from(list(shown)))
            if source not in shown:
                break
            if draw(st.booleans()) and (conv := draw(convolutions(shown[source]))):
                shown[name], known[name] = conv.output_shape, conv.target_size
                projections.append((source, name, conv))
    convolved = {target: source for source, target, _ in projections}
    for target in [*names, READOUT]:
        order = list(known)
        position = order.index(target)
        if chain:
            if target not in convolved:
                projections.append((order[position - 1], target, False))
            continue
        chosen = {draw(st.sampled_from(order[:position]))} if position else set()
        chosen |= set(draw(st.lists(st.sampled_from(order[:position]), max_size=2)))
        if recurrent and target != READOUT:
            later = draw(st.lists(st.sampled_from(order[position:-1]), max_size=2))
            only = later and draw(st.integers(0, 3)) == 3
            chosen = set(later) if only else chosen | set(later)
        for source in sorted(chosen - {convolved.get(target)}):
            same = known[source] == known[target]
            projections.append((source, target, same and draw(st.booleans())))
    return Shape(known, projections)


@st.composite
def convolutions(draw: st.DrawFn, image: tuple[int, int, int]) -> Conv2d | None:
    """A convolution of an image with weights of 0; None where the drawn kernel does not fit."""
    groups = draw(st.sampled_from((1, 1, image[0])))
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride = draw(pairs), draw(pairs)
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    dilation = draw(st.sampled_from(((1, 1), (1, 1), (2, 1), (1, 2))))
    outputs = groups * draw(st.integers(1, 3 if groups == 1 else 2))
    weight = np.zeros((outputs, image[0] // groups, *kernel))
    try:
        return Conv2d(weight, image, stride, padding, dilation, groups)
    except UltralifError:
        return None


@st.composite
def inputs_for(
    draw: st.DrawFn, program: integer.Program | Network, time: int, batch: int
) -> np.ndarray:
    """Inputs uint8 [time, batch, input]; the samples take their modes from `MODES` in turn."""
    first = draw(st.integers(0, len(MODES) - 1))
    density = draw(st.sampled_from((0.9, 0.5, 0.2)))
    rng = np.random.default_rng(draw(seeds))
    shape, top = (time, batch, program.input.size), program.input.maximum
    values = np.full(shape, top, dtype=np.uint8)
    for sample in range(batch):
        mode, here = MODES[(first + sample) % len(MODES)], values[:, sample]
        if mode == "blinking":
            here[::2] = 0
        if mode == "graded":
            here[:] = rng.integers(0, top, here.shape, dtype=np.uint8, endpoint=True)
        if mode in ("binary", "graded"):
            here *= rng.random(here.shape) < density
        if mode == "silent":
            here[:] = 0
    if isinstance(program.input, Input) and program.input.constant:
        values[:] = values[-1:]
    return values
