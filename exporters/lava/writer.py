"""A program as a folder that runs on its own wherever Lava is installed.

`network.json` and `network.npz` describe the processes; `run.py` builds and runs them. The flavour
decides which neurons are used:

- `lava`: stock neurons if Loihi's registers hold the model exactly, else custom processes.
- `lava-loihi1`: only stock neurons, with a decay of at most 4095 and biases lowered by half a unit,
  because Loihi 1's registers are known to hold these; everything else is refused.
- `lava-custom`: only custom processes.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.chips import Chip
from ultralif_deploy.chips.lava import stock_chip, stock_registers
from ultralif_deploy.chips.placement import pipeline_delays, pipeline_depths, refuse_wide_inputs
from ultralif_deploy.chips.registers import CURRENT_UNIT, LARGEST_GUARDED
from ultralif_deploy.errors import Refused
from ultralif_deploy.io.artefacts import LAVA_NETWORK
from ultralif_deploy.io.files import copy_modules, directory_written_whole
from ultralif_deploy.io.npz import npz_bytes
from ultralif_deploy.program import neurons
from ultralif_deploy.program.fixed import DECAY_ONE
from ultralif_deploy.program.graph import WEIGHTED, Conv2d, Dense, Projection
from ultralif_deploy.program.neurons import entry_for
from ultralif_deploy.program.program import Population, Program

RUNTIME = Path(__file__).parent / "runtime"
ARRAYS = "network.npz"
MESSAGE_BITS = 8

PROCESSES = {
    neurons.Threshold: "Threshold",
    neurons.TropicalLIF: "TropicalLIF",
    neurons.LIF: "LIF",
    neurons.CubaLIF: "CubaLIF",
    neurons.UltraDLIF: "UltraDLIF",
    neurons.LogMaxLIF: "LogMaxLIF",
    neurons.MultiThreshold: "MultiThreshold",
    neurons.GradedLogMaxLIF: "GradedLogMaxLIF",
    neurons.GradedLIF: "GradedLIF",
    neurons.GradedUltraDLIF: "GradedUltraDLIF",
    neurons.SiLIF: "SiLIF",
    neurons.CSiLIF: "CSiLIF",
    neurons.AdaLIF: "AdaLIF",
    neurons.Integrator: "Integrator",
    neurons.LeakyIntegrator: "LeakyIntegrator",
    neurons.CubaLI: "CubaLI",
    neurons.LeakySum: "LeakySum",
}
"""Process of each model, a class of `runtime/neurons/process.py`."""

CONVOLUTION_MAX = 127

Cell = tuple[dict[str, object], dict[str, np.ndarray]]
"""Entries of one population in `network.json` and in `network.npz`."""


def write_lava(program: Program, directory: Path) -> tuple[Path, ...]:
    """Write flavour `lava`.

    Raises:
        Refused: spikes must come back sooner than Lava's processes let them.
    """
    return _write(program, directory, "lava", _stock_or_custom)


def write_lava_loihi1(program: Program, directory: Path) -> tuple[Path, ...]:
    """Write flavour `lava-loihi1`.

    Raises:
        Refused: a population needs more than Loihi 1's registers are known to hold.
    """
    refuse_wide_inputs(program, stock_chip("lava-loihi1"))
    return _write(program, directory, "lava-loihi1", _guarded)


def write_lava_custom(program: Program, directory: Path) -> tuple[Path, ...]:
    """Write flavour `lava-custom`.

    Raises:
        Refused: spikes must come back sooner than Lava's processes let them.
    """
    return _write(program, directory, "lava-custom", _custom)


def refuse_wide_convolutions(program: Program, flavour: str) -> None:
    """Check that kernel, stride, padding, dilation and groups fit into Lava's 8-bit integers.

    Raises:
        Refused: naming the projection.
    """
    for p in program.projections:
        if isinstance(p.map, Conv2d):
            conv = p.map
            sizes = (*conv.kernel, *conv.stride, *conv.padding, *conv.dilation, conv.groups)
            if max(sizes) > CONVOLUTION_MAX:
                raise Refused(
                    f"{flavour}: {p.name}: a convolution with kernel {conv.kernel}, stride "
                    f"{conv.stride}, padding {conv.padding}, dilation {conv.dilation} and "
                    f"{conv.groups} groups; Lava keeps each in 8 bits, limit {CONVOLUTION_MAX}; "
                    "use fewer groups, or --on loihi2"
                )


def _write(
    program: Program,
    directory: Path,
    flavour: str,
    express: Callable[[Program, Population, Chip], Cell],
) -> tuple[Path, ...]:
    refuse_wide_convolutions(program, flavour)
    limits = stock_chip(flavour)
    depths = pipeline_depths(program, limits)
    delays = pipeline_delays(program, depths, limits)
    populations: list[dict[str, object]] = []
    arrays: dict[str, Any] = {}
    for p in program.populations:
        described, own = express(program, p, limits)
        loops = any(q.name in program.delayed for q in program.incoming(p.name))
        populations.append(
            {
                "name": p.name,
                "size": p.size,
                "depth": depths[p.name],
                "spikes": p.spikes,
                "remembers": loops or p.neuron.REMEMBERS,
                "arrays": list(own),
                **described,
            }
        )
        arrays |= {f"{p.name}.{name}": array for name, array in own.items()}
    projections = [
        _projection(p, delays[p.name], p.name in program.delayed)
        | {"message_bits": MESSAGE_BITS if program.largest_sent(p.source) > 1 else 0}
        for p in program.projections
    ]
    arrays |= {
        f"{p.name}.weight": p.map.weight for p in program.projections if isinstance(p.map, WEIGHTED)
    }
    network = {
        "flavour": flavour,
        "populations": populations,
        "projections": projections,
    }
    with directory_written_whole(directory) as temporary:
        copy_modules(RUNTIME, temporary)
        text = json.dumps(network, indent=1) + "\n"
        (temporary / LAVA_NETWORK).write_text(text, encoding="utf-8")
        (temporary / ARRAYS).write_bytes(npz_bytes(arrays))
        files = sorted(f.relative_to(temporary) for f in temporary.rglob("*") if f.is_file())
    return tuple(directory / file for file in files)


def _projection(p: Projection, delay: int, loop: bool) -> dict[str, object]:
    described: dict[str, object] = {
        "name": p.name,
        "source": p.source,
        "target": p.target,
        "delay": delay,
        "loop": loop,
        "kind": "dense" if isinstance(p.map, Dense) else "identity",
    }
    if isinstance(p.map, Conv2d):
        described |= {
            "kind": "conv",
            "input_shape": list(p.map.input_shape),
            "stride": list(p.map.stride),
            "padding": list(p.map.padding),
            "dilation": list(p.map.dilation),
            "groups": p.map.groups,
        }
    return described


def _custom(program: Program, p: Population, limits: Chip) -> Cell:
    del program
    own = {"bias": p.bias, **p.parameters()}
    own["state"] = np.broadcast_to(own.pop("initial", 0), (p.words, p.size))
    process = entry_for(PROCESSES, p.neuron, p.name, limits.name)
    described: dict[str, object] = {"process": process, "structure": p.neuron.structure()}
    return described, {name: array.astype(np.int64) for name, array in own.items()}


def _stock(program: Program, p: Population, limits: Chip) -> Cell:
    made = stock_registers(program, p, limits.name)
    own = {"threshold": made.threshold, "decay": made.decay, "mantissa": made.mantissa}
    described = {"process": "stock", "exponent": made.exponent, "logit_unit": logit_unit(p)}
    return described, own


def logit_unit(p: Population) -> int:
    """Number of membrane units of a stock read-out in one unit of the logits.

    Logits of an Integrator are in weight units, those of a leaky read-out in fractions of them.
    """
    return CURRENT_UNIT if p.neuron.SUMS else 1


def _stock_or_custom(program: Program, p: Population, limits: Chip) -> Cell:
    try:
        return _stock(program, p, limits)
    except Refused:
        return _custom(program, p, limits)


def _guarded(program: Program, p: Population, limits: Chip) -> Cell:
    described, own = _stock(program, p, limits)
    if (own["decay"] == DECAY_ONE).any():
        raise Refused(
            f"{limits.name}: {p.name}: decay 4096, which the chip's register is not known to hold; "
            f"4095 is exact while membranes stay within {LARGEST_GUARDED} weight units; "
            "use fewer bits or "
            "fewer inputs per neuron"
        )
    return described, own
