"""Populations as NIR nodes and back: standard nodes for threshold units, own nodes for the rest."""

import math
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields
from typing import Any

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.nodes import (
    CONSTANTS,
    CUSTOM,
    FLAVOURS,
    NODES,
    V_THRESHOLD,
)
from ultralif_deploy.exporters.nir.values import numbers, whole, whole_float
from ultralif_deploy.program.neurons import NeuronModel, Threshold, entry_for
from ultralif_deploy.program.program import Population
from ultralif_deploy.program.resets import RESETS

MODELS = {node: model for model, node in NODES.items()}
"""Model of each own node."""

TEXTS = {"form": "released or paper", "reset_mode": ", ".join(RESETS)}
"""Allowed values of text parameters, for errors."""


def write_neurons(
    population: Population, flavour: str, shape: tuple[int, ...], *, by_channel: bool
) -> tuple[nir.NIRNode, np.ndarray]:
    """A population as a node, and the bias float64 [neuron] for a weight node before it.

    Args:
        population: any but an Integrator.
        flavour: a key of `FLAVOURS`.
        shape: shape of the node's parameters, (neurons,) or (channels, height, width).
        by_channel: whether the weight node holds one bias per channel.
    """
    place = Place(flavour, shape, by_channel)
    write = entry_for(WRITERS, population.neuron, population.name, "nir")
    return write(population, place)


@dataclass(frozen=True, slots=True)
class Place:
    """What a node must fit.

    Attributes:
        flavour: a key of `FLAVOURS`.
        shape: shape of the node's parameters, (neurons,) or (channels, height, width).
        by_channel: whether the weight node before it holds one bias per channel.
    """

    flavour: str
    shape: tuple[int, ...]
    by_channel: bool


def _standard_node(population: Population, place: Place) -> tuple[nir.NIRNode, np.ndarray]:
    """A threshold unit, and the bias that the weight node before it carries."""
    neuron: Any = population.neuron
    bias, shape, by_channel = population.bias, place.shape, place.by_channel
    metadata = {"scale": population.scale}
    kind, none = FLAVOURS[place.flavour], np.zeros(population.size)
    if kind is nir.Threshold and (not by_channel or _alike(bias, shape)):
        threshold = (neuron.threshold + none).reshape(shape)
        return nir.Threshold(threshold, metadata=metadata), bias + none
    # Only threshold − bias matters; NIR cannot store both.
    if bias.any():
        metadata["bias"] = bias
    folded = none + bias - neuron.threshold
    if by_channel and not _alike(folded, shape):  # the node's own thresholds hold it
        limits, folded = V_THRESHOLD - folded.reshape(shape), none
    else:
        limits = np.full(shape, V_THRESHOLD)
    if kind is nir.Threshold:
        return nir.Threshold(limits, metadata=metadata), folded
    constants = {name: np.full(shape, value) for name, value in CONSTANTS[kind].items()}
    return kind(v_threshold=limits, metadata=metadata, **constants), folded


def _own_node(population: Population, place: Place) -> tuple[nir.NIRNode, np.ndarray]:
    """An own node, which holds the bias itself."""
    arrays = population.parameters() | {"bias": population.bias}
    lists = population.neuron.LISTS
    arrays = {k: v if k in lists else v.reshape(place.shape) for k, v in arrays.items()}
    kind, plain = NODES[type(population.neuron)], population.neuron.structure()
    node = kind(**arrays, **plain, metadata={"scale": population.scale})
    return node, np.zeros(population.size)


WRITERS: dict[type[NeuronModel], Callable[..., tuple[nir.NIRNode, np.ndarray]]] = {
    Threshold: _standard_node,
    **dict.fromkeys(NODES, _own_node),
}
"""Writer of each model. An Integrator has none, because it becomes NIR's Output."""


def read_neurons(name: str, node: nir.NIRNode, bias: np.ndarray) -> Population:
    """The population of a node.

    Args:
        name: name of the population.
        node: one of `NEURONS`, as read from a file.
        bias: sum of the biases of the weight nodes before it, int64 [neuron].

    Raises:
        UltralifError: parameters of another shape, not whole, or those of a neuron with memory.
    """
    size = len(bias)
    if isinstance(node, CUSTOM):
        if bias.any():
            raise UltralifError(
                f"{name}: a weight node before a {type(node).__name__} has a bias; expected it in "
                "the node itself"
            )
        neuron, bias = _custom_neuron(name, node, size)
    else:
        split = _metadata(node).get("bias")
        if isinstance(node, nir.Threshold):
            limit, split = node.threshold, bias if split is None else split
        else:
            _check_constants(name, node, size)
            limit, split = node.v_threshold, np.zeros(size) if split is None else split
        # fires iff I + B > limit  ⇔  I + bias > threshold
        difference = _largest_silent(name, limit, size) - bias
        bias = whole(split, np.int32, size, f"{name}: metadata bias").astype(np.int64)
        neuron = Threshold(bias + difference)
    return Population(name, size, neuron, bias, scale_of(name, node, size))


def neuron_count(name: str, node: nir.NIRNode) -> int:
    """Number of neurons of a node of `NEURONS`, in a vector or an image."""
    field = "v_threshold" if type(node) in CONSTANTS else "threshold"
    names = (field, "decay", "alpha", "bias")  # the first parameter with one value per neuron
    found = next(getattr(node, name) for name in names if hasattr(node, name))
    if len(np.shape(found)) not in (1, 3):
        raise UltralifError(
            f"{name}: {field} of shape {np.shape(found)}; expected one value per neuron"
        )
    return math.prod(np.shape(found))


def _alike(values: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether values [neuron] are constant in every channel of a shape."""
    by_channel = values.reshape(shape[0], -1)
    return bool(np.all(by_channel == by_channel[:, :1]))


def _flat(value: Any, size: int) -> Any:
    """Values of an image as a vector; anything else is left for the later checks."""
    image = np.ndim(value) == 3 and np.size(value) == size
    return np.reshape(value, size) if image else value


def scale_of(name: str, node: nir.NIRNode, size: int) -> np.ndarray:
    """The scale float64 [neuron] in the metadata of a node.

    Args:
        name: name of the population, for errors.
        node: node as read from a file.
        size: neurons of the population.
    """
    metadata = _metadata(node)
    if "scale" not in metadata:
        raise UltralifError(f"{name}: no scale in the node's metadata; expected {size} values")
    return numbers(metadata["scale"], size, f"{name}: scale")


def _metadata(node: nir.NIRNode) -> Mapping[str, Any]:
    return node.metadata if isinstance(node.metadata, dict) else {}


def _largest_silent(name: str, threshold: Any, size: int) -> np.ndarray:
    """Largest integer int64 [neuron] that does not fire: an integer x > t iff x > floor(t)."""
    floor = np.floor(numbers(_flat(threshold, size), size, f"{name}: threshold"))
    return whole_float(floor, size, f"{name}: threshold")


def _check_constants(name: str, node: nir.NIRNode, size: int) -> None:
    for field, expected in CONSTANTS[type(node)].items():
        found = numbers(_flat(getattr(node, field), size), size, f"{name}: {field}")
        if np.any(found != expected):
            other = found[found != expected][0]
            raise UltralifError(
                f"{name}: {field} = {other:g}; expected {expected:g}, a threshold unit without "
                "memory"
            )


def _custom_neuron(name: str, node: Any, size: int) -> tuple[NeuronModel, np.ndarray]:
    """The model of an own node, field by field, and its bias."""
    model = MODELS[type(node)]
    given = {f.name: _field(name, node, f, size) for f in fields(model)}  # type: ignore[arg-type]
    return model(**given), _neuron_array(name, node, "bias", size)


def _field(name: str, node: Any, field: Field[Any], size: int) -> Any:
    value = getattr(node, field.name)
    if field.type is str:
        if not isinstance(value, str):
            expected = TEXTS[field.name]
            raise UltralifError(f"{name}: {field.name} is no text; expected {expected}")
        return value
    if field.type is int:
        return int(whole(value, np.int32, (), f"{name}: {field.name}"))
    if field.name in MODELS[type(node)].LISTS:
        if np.ndim(value) != 1:
            shape = np.shape(value)
            raise UltralifError(f"{name}: {field.name} of shape {shape}; expected a list")
        return whole(value, np.int32, len(value), f"{name}: {field.name}")
    if value is None and field.default is None:
        return None
    return _neuron_array(name, node, field.name, size)


def _neuron_array(name: str, node: Any, field: str, size: int) -> np.ndarray:
    return whole(_flat(getattr(node, field), size), np.int32, size, f"{name}: {field}")
