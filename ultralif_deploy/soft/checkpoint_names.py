"""Write and parse names of released checkpoints: `{key}_T{T}[_sp{λ}]_seed{seed}.pt`.

The key is the neuron kind, the number of hidden layers if it is above 1, and marks that describe
the network: `ultratplif2_bn_res`, `lif_conv_sl`, `ultratlif_conv4_bn_ds`, `ultradlif_sresnet18`.
"""

import re
from dataclasses import dataclass

from ultralif_deploy.soft.architectures import Architecture
from ultralif_deploy.soft.neurons.kinds import RELEASED
from ultralif_deploy.soft.shapes import Shapes

DISENTANGLED = "_ds"
"""This mark belongs to the neuron kind, at any position in the key."""

MARKS = ("conv", "conv4", "sresnet18", "bn", "res", "sl", "ds")
"""Marks that a key may contain, separated by underscores."""

_ABLATION_NAMES = {
    "UltraLIF": "ultratlif",
    "UltraPLIF": "ultratplif",
    "UltraDLIF": "ultradlif",
    "UltraDPLIF": "ultradplif",
}
_BASES = sorted((k.removesuffix(DISENTANGLED) for k in RELEASED), key=len, reverse=True)
_NAME = re.compile(
    rf"(?P<base>{'|'.join(map(re.escape, _BASES))})(?P<layers>[23])?(?P<marks>(?:_[a-z0-9]+)*?)"
    r"_T(?P<timesteps>\d{1,6})(?:_|$)"
)


@dataclass(frozen=True, slots=True)
class ReleasedName:
    """The settings that a file name states.

    Attributes:
        neuron: the authors' key of the neuron kind.
        timesteps: T.
        layers: hidden layers of a fully connected network.
        marks: the marks in the name that are in `MARKS`.
        unknown: the other marks in the name.
    """

    neuron: str
    timesteps: int
    layers: int
    marks: frozenset[str]
    unknown: tuple[str, ...]

    def hints(self) -> dict[str, str | int | bool]:
        """Settings by name."""
        return {
            "neuron": self.neuron,
            "timesteps": self.timesteps,
            "skip": "res" in self.marks,
            "stateless": "sl" in self.marks,
        }

    def contradictions(self, found: Shapes, batch_norm: bool) -> list[str]:
        """Where the name contradicts the keys and shapes in the file.

        Args:
            found: shapes that the keys and shapes of the file determine.
            batch_norm: whether the file has batch norm.
        """
        convolutions, residual = len(found.channels) - 1, found.residual
        hidden = len(found.hidden)
        pairs = (
            ("batch norm", "bn" in self.marks, batch_norm, not residual),
            ("two convolutions", "conv" in self.marks, convolutions == 2, not residual),
            ("four convolutions", "conv4" in self.marks, convolutions == 4, not residual),
            ("residual blocks", "sresnet18" in self.marks, residual, True),
            (f"{self.layers} hidden layers", True, hidden == self.layers, convolutions < 0),
        )
        return [what for what, named, held, applies in pairs if applies and named != held]


def released_name(stem: str) -> ReleasedName | None:
    """Parse the name of a released checkpoint; None for other names."""
    match = _NAME.match(stem)
    if match is None:
        return None
    marks = [mark for mark in match["marks"].split("_") if mark]
    kind = match["base"] + (DISENTANGLED if "ds" in marks else "")
    return ReleasedName(
        kind if kind in RELEASED else match["base"],
        int(match["timesteps"]),
        int(match["layers"] or 1),
        frozenset(marks) & frozenset(MARKS),
        tuple(mark for mark in marks if mark not in MARKS),
    )


def ablation_hints(stem: str) -> dict[str, str | int | bool]:
    """Settings in the file names of the ablation script, such as `UltraPLIF_…_T10`."""
    name, _, rest = stem.partition("_")
    steps = re.search(r"_T(\d{1,6})$", rest)
    hints: dict[str, str | int | bool] = {"timesteps": int(steps.group(1))} if steps else {}
    if name in _ABLATION_NAMES:
        hints["neuron"] = _ABLATION_NAMES[name]
    return hints


def released_key(architecture: Architecture) -> str:
    """The authors' key of a network: `ultratplif2_bn_res`, `lif_conv_sl`."""
    a = architecture
    base = a.neuron.removesuffix(DISENTANGLED)
    marks = []
    if a.residual:
        marks.append("sresnet18")
    elif a.channels:
        marks.append("conv" if len(a.channels) == 3 else f"conv{len(a.channels) - 1}")
    elif a.hidden > 1:
        base += str(a.hidden)
    marks += ["bn"] if a.batch_norm and not a.residual else []
    marks += ["res"] if a.skip else []
    marks += ["sl"] if a.stateless else []
    marks += ["ds"] if a.neuron.endswith(DISENTANGLED) else []
    return "_".join((base, *marks))
