"""A program as a network exchange file of lava-dl, in a folder that runs it on its own.

`program.net` is an HDF5 file that lava-dl 0.6 reads with `netx.hdf5.Network`; it has no attributes,
only datasets. It holds a chain of layers. Each layer is a dense map or a convolution, followed by
stock neurons with one threshold, one decay and per-neuron biases at exponent 6. iDecay 4096 clears
the current at every timestep.

    v ← clip(sgn(v)·⌊|v|·(4096 − vDecay) / 4096⌋ + 64·(a + bias), ±(2^23 − 1))
    fires iff v > 64·vThMant; then v ← 0

The loader scales a dense layer's weights by the largest power of two that keeps them within
[−256, 254], and scales the sums back. Weights of 8 bits become even, as Loihi's mixed sign mode
needs, and stay exact. Two cases are not exact. If all weights are 0, the loader stops. If no weight
is positive and the smallest is −2^k, it becomes −256, which Lava clips to −255 in its inhibitory
mode. The loader does not scale convolutions. A read-out is a neuron whose membrane potential never
reaches its threshold; its logits are the membrane potentials. There are no pools, joins or loops.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ultralif_deploy.chips.lava import stock_chip, stock_registers
from ultralif_deploy.chips.placement import refuse_wide_inputs
from ultralif_deploy.chips.registers import Registers
from ultralif_deploy.errors import Refused
from ultralif_deploy.exporters.lava.writer import (
    RUNTIME,
    logit_unit,
    refuse_wide_convolutions,
)
from ultralif_deploy.io.artefacts import LAVA_NETWORK
from ultralif_deploy.io.files import copy_modules, directory_written_whole
from ultralif_deploy.program.fixed import DECAY_ONE
from ultralif_deploy.program.graph import INPUT, Conv2d, Projection
from ultralif_deploy.program.program import Population, Program

NETX_RUNTIME = Path(__file__).parent / "runtime"
FILE, FLAVOUR = "program.net", "netx"
TYPE = np.dtype("S10")

Datasets = dict[str, object]
"""Datasets of one layer, by path below the layer."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A population and the only projection that drives it.

    Attributes:
        projection: projection from the layer before, or from the input.
        population: its neurons.
        registers: configuration of its neurons.
    """

    projection: Projection
    population: Population
    registers: Registers

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its neurons: (C, H, W), or (size,)."""
        linear = self.projection.map
        return linear.output_shape if isinstance(linear, Conv2d) else (self.population.size,)


def write_netx(program: Program, directory: Path) -> tuple[Path, ...]:
    """Write `program.net`, and the code that runs it in Lava, into a directory.

    Raises:
        Refused: netx cannot express the program exactly.
    """
    made = layers(program)
    populations = [
        {
            "name": layer.population.name,
            "size": layer.population.size,
            "projection": layer.projection.name,
            "depth": depth,
            "spikes": layer.population.spikes,
            "remembers": layer.population.neuron.REMEMBERS,
            "process": "stock",
            "arrays": ["threshold", "decay", "mantissa"],
            "logit_unit": logit_unit(layer.population),
        }
        for depth, layer in enumerate(made, 1)
    ]
    with directory_written_whole(directory) as temporary:
        for folder in (RUNTIME, NETX_RUNTIME):
            copy_modules(folder, temporary)
        text = json.dumps({"flavour": FLAVOUR, "populations": populations}, indent=1) + "\n"
        (temporary / LAVA_NETWORK).write_text(text, encoding="utf-8")
        (temporary / FILE).write_bytes(_stored(_described(made)))
        files = sorted(f.relative_to(temporary) for f in temporary.rglob("*") if f.is_file())
    return tuple(directory / file for file in files)


def layers(program: Program) -> tuple[Layer, ...]:
    """Layers of a program, from the input on.

    Raises:
        Refused: it is not a chain of layers that netx expresses exactly.
    """
    limits = stock_chip(FLAVOUR)
    refuse_wide_inputs(program, limits)
    refuse_wide_convolutions(program, limits.name)
    made: list[Layer] = []
    for population in program.populations:
        projection = _only_projection(program, population, made)
        _refuse_weights(projection, population)
        made.append(Layer(projection, population, stock_registers(program, population, FLAVOUR)))
    return tuple(made)


def _only_projection(program: Program, population: Population, before: list[Layer]) -> Projection:
    incoming = program.incoming(population.name)
    source = before[-1].population.name if before else INPUT
    if [p.source for p in incoming] != [source]:
        raise Refused(
            f"netx: {population.name}: driven by {', '.join(p.source for p in incoming)}; layers "
            f"of netx form a chain, here from {source} alone; use --to lava"
        )
    linear = incoming[0].map
    if isinstance(linear, Conv2d) and before and before[-1].shape != linear.input_shape:
        raise Refused(
            f"netx: {population.name}: a convolution of {linear.input_shape} after a layer of "
            f"{before[-1].shape}; convolutions of netx follow the input or a convolution of the "
            "same shape; use --to lava"
        )
    return incoming[0]


def _refuse_weights(projection: Projection, population: Population) -> None:
    if isinstance(projection.map, Conv2d):
        return
    weight = projection.map.matrix().astype(np.int64)
    if not weight.any():
        raise Refused(
            f"netx: {population.name}: its weights are all 0, which stops lava-dl's loader; remove "
            "the layer"
        )
    least = -int(weight.min())
    if weight.max() <= 0 and least.bit_count() == 1:
        raise Refused(
            f"netx: {population.name}: no weight is positive and the smallest is {-least}, which "
            "lava-dl scales to -256 and Lava clips to -255; use --to lava"
        )


def _described(made: tuple[Layer, ...]) -> list[Datasets]:
    """Datasets of the input and of every layer, in the order of the file."""
    first = made[0].projection.map
    shape: tuple[int, ...]
    shape = first.input_shape if isinstance(first, Conv2d) else (first.source_size,)
    described: list[Datasets] = [{"type": _text("input"), "shape": shape}]
    for layer in made:
        if not isinstance(layer.projection.map, Conv2d) and len(shape) > 1:
            described.append({"type": _text("flatten")})
        described.append(_synapses(layer) | _neurons(layer))
        shape = layer.shape
    return described


def _stored(described: list[Datasets]) -> bytes:
    """An HDF5 file in memory: on a full disk, HDF5 itself may end the process."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for i, datasets in enumerate(described):
            for name, value in datasets.items():
                file[f"layer/{i}/{name}"] = value
    return buffer.getvalue()


def _synapses(layer: Layer) -> Datasets:
    linear = layer.projection.map
    if not isinstance(linear, Conv2d):
        weight = linear.matrix().astype(np.int32)
        return {"type": _text("dense"), "shape": layer.shape, "weight": weight}
    return {
        "type": _text("conv"),
        "shape": layer.shape,
        "weight": linear.weight.astype(np.int32),
        "stride": linear.stride,
        "padding": linear.padding,
        "dilation": linear.dilation,
        "groups": linear.groups,
    }


def _neurons(layer: Layer) -> Datasets:
    held = layer.registers
    bias = held.mantissa.reshape(layer.shape)
    channels = bias[..., :1, :1] if bias.ndim == 3 else bias
    # Biases are one per neuron [x, y, channel], or one per channel.
    bias = channels.reshape(-1) if (bias == channels).all() else bias.T
    return {
        "bias": bias.astype(np.int32),
        "neuron/type": _text("CUBA"),
        "neuron/iDecay": DECAY_ONE,
        "neuron/vDecay": int(held.decay[0]),
        "neuron/vThMant": int(held.threshold[0]),
    }


def _text(value: str) -> np.ndarray:
    return np.array([value.encode()], dtype=TYPE)
