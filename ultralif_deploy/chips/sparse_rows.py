"""Linear maps as sparse rows, one per source: the weights that a spike adds, by target neuron."""

from dataclasses import replace

import numpy as np
from scipy import sparse

from ultralif_deploy.program.graph import AnyMap, Conv2d, Dense, Identity


def sparse_rows(linear: AnyMap) -> sparse.csr_array:
    """Weights that are not 0, int32 CSR [source, target]; a convolution synapse by synapse."""
    if isinstance(linear, Identity):
        return sparse.csr_array(sparse.eye_array(linear.size, dtype=np.int32))
    if isinstance(linear, Dense):
        return sparse.csr_array(linear.weight.T.astype(np.int32))
    assert isinstance(linear, Conv2d)
    parts = []
    for a in range(linear.kernel[0]):
        for b in range(linear.kernel[1]):
            source, target = _ends(linear, a, b)
            weight = np.broadcast_to(linear.weight[:, :, a, b, None], source.shape)
            kept = weight != 0
            parts.append((weight[kept], source[kept], np.broadcast_to(target, source.shape)[kept]))
    weights, sources, targets = (np.concatenate(column) for column in zip(*parts, strict=True))
    shape = (linear.source_size, linear.target_size)
    return sparse.csr_array((weights.astype(np.int32), (sources, targets)), shape=shape)


def weight_of(linear: Dense | Conv2d, rows: sparse.csr_array) -> np.ndarray:
    """The weights that sparse rows hold, in the map's own shape; −1 where they are none of it.

    Args:
        linear: map whose geometry the rows follow; its weights are used only for kernel taps that
            meet nothing but padding.
        rows: rows as `sparse_rows` makes them.
    """
    if isinstance(linear, Dense):
        return rows.toarray().T
    found = linear.weight.astype(np.int64)
    lookup = sparse.csr_matrix(rows)  # indexed element by element, which csr_array is not
    for a in range(linear.kernel[0]):
        for b in range(linear.kernel[1]):
            source, target = _ends(linear, a, b)
            if source.shape[-1]:
                first = np.broadcast_to(target, source.shape)[..., 0]
                values = lookup[source[..., 0].ravel(), first.ravel()]
                found[:, :, a, b] = np.asarray(values).reshape(first.shape)
    again = sparse_rows(replace(linear, weight=found))
    same = again.nnz == rows.nnz and abs(again - rows).sum() == 0
    return found if same else np.full_like(found, -1)


def _ends(linear: Conv2d, a: int, b: int) -> tuple[np.ndarray, np.ndarray]:
    """Source [out, inner, position] and target [out, 1, position] of one tap's synapses."""
    _, height, width = linear.input_shape
    outputs, rows, columns = linear.output_shape
    inner = linear.weight.shape[1]
    i, j = np.divmod(np.arange(rows * columns), columns)
    y = i * linear.stride[0] + a * linear.dilation[0] - linear.padding[0]
    x = j * linear.stride[1] + b * linear.dilation[1] - linear.padding[1]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    first = np.arange(outputs) // (outputs // linear.groups) * inner
    channel = first[:, None] + np.arange(inner)
    source = channel[:, :, None] * height * width + (y * width + x)[inside]
    target = np.arange(outputs)[:, None, None] * rows * columns + (i * columns + j)[inside]
    return source, target
