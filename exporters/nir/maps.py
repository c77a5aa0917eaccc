"""Linear maps as NIR nodes and back: Linear, Affine, Conv2d, and Scale for identities on images."""

import math
import reprlib

import nir
import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.values import whole, whole_float
from ultralif_deploy.program.graph import Conv2d, Dense, Identity, LinearMap, Projection

VECTOR_MAPS = (nir.Linear, nir.Affine)
"""Nodes that read vectors; images are flattened before them."""

WEIGHTS = (*VECTOR_MAPS, nir.Conv2d, nir.Scale)

MAX_NEURONS = 1 << 26
"""Most output neurons of a convolution; checked before any array of that size is made."""


def write_map(
    projection: Projection, bias: np.ndarray | None, shape: tuple[int, ...]
) -> nir.NIRNode:
    """A projection as a node.

    Args:
        projection: int8 weights.
        bias: float64 [target], constant in each channel of a convolution; None for none.
        shape: shape of the source.

    Raises:
        UltralifError: a bias that a convolution node cannot hold.
    """
    linear = projection.map
    # float32, because some tools do not convert weights; it holds int8 exactly.
    if isinstance(linear, Conv2d):
        channels = len(linear.weight)
        spread = np.zeros((channels, 1)) if bias is None else bias.reshape(channels, -1)
        if np.any(spread != spread[:, :1]):
            raise UltralifError(
                f"{projection.name}: the bias of {projection.target} differs between the neurons "
                "of a channel, and a NIR convolution has one bias for a channel"
            )
        return nir.Conv2d(
            input_shape=linear.input_shape[1:],
            weight=linear.weight.astype(np.float32),
            stride=linear.stride,
            padding=linear.padding,
            dilation=linear.dilation,
            groups=linear.groups,
            bias=spread[:, 0],
        )
    if isinstance(linear, Identity) and len(shape) == 3 and bias is None:
        return nir.Scale(np.ones(shape, dtype=np.float32))
    weight = linear.matrix().astype(np.float32)
    return nir.Linear(weight) if bias is None else nir.Affine(weight, bias)


def read_map(name: str, node: nir.NIRNode, identity: bool) -> tuple[LinearMap, np.ndarray | None]:
    """The map of a node and its bias int64 [target].

    Args:
        name: name of the node, for errors.
        node: one of `WEIGHTS`, as read from a file.
        identity: whether the node was written for an identity; refused if it is none any more.

    Raises:
        UltralifError: weights that are not whole or not int8, shapes that do not fit.
    """
    what = f"node {reprlib.repr(name)}"
    if isinstance(node, nir.Conv2d):
        return _read_convolution(what, node)
    if isinstance(node, nir.Scale):
        scale = np.asarray(node.scale)
        if not np.all(scale == 1):
            raise UltralifError(f"{what}: a scale other than 1; expected an identity")
        return Identity(scale.size), None
    shape = np.shape(node.weight)
    if len(shape) != 2:
        raise UltralifError(f"{what}: weight of shape {shape}; expected a matrix")
    weight = whole(node.weight, np.int8, shape, f"{what}: weight")
    unit = identity and np.array_equal(weight, np.eye(*shape, dtype=np.int8))
    bias = None
    if isinstance(node, nir.Affine):
        bias = whole_float(node.bias, shape[0], f"{what}: bias")
    return (Identity(shape[0]) if unit else Dense(weight)), bias


def _read_convolution(what: str, node: nir.Conv2d) -> tuple[LinearMap, np.ndarray | None]:
    shape = np.shape(node.weight)
    if len(shape) != 4:
        raise UltralifError(f"{what}: weight of shape {shape}; expected four axes")
    weight = whole(node.weight, np.int8, shape, f"{what}: weight")

    def pair(field: str) -> tuple[int, int]:
        value = getattr(node, field)
        if isinstance(value, str) or np.shape(value) != (2,):
            raise UltralifError(f"{what}: {field} = {value!r:.40}; expected two numbers")
        first, second = whole(value, np.int32, 2, f"{what}: {field}").tolist()
        return first, second

    groups = int(whole(np.reshape(node.groups, 1), np.int32, 1, f"{what}: groups")[0])
    height, width = pair("input_shape")
    image = (shape[1] * groups, height, width)
    try:
        conv = Conv2d(weight, image, pair("stride"), pair("padding"), pair("dilation"), groups)
    except UltralifError as error:
        raise UltralifError(f"{what}: {error}") from error
    if max(math.prod(image), math.prod(conv.output_shape)) > MAX_NEURONS:
        raise UltralifError(
            f"{what}: maps {image} to {conv.output_shape}; at most {MAX_NEURONS} neurons"
        )
    bias = whole_float(node.bias, shape[0], f"{what}: bias")
    return conv, conv.per_neuron(bias) if bias.any() else None
