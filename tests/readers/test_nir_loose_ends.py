"""What files in the wild hold: endless time constants, loose neurons, a batch that is counted."""

import nir
import numpy as np
import pytest
import snntorch
import torch
from snntorch.export_nir import export_to_nir
from torch import nn

from support.networks.nir_graphs import STEP, full, graph, if_node, spikes_of
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.readers.nir.misreadings import misreadings
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions


def warned(made: nir.NIRGraph) -> list[str]:
    found = misreadings(made, STEP, dt_is_default=False, synapse_is_default=False)
    return [finding.text for finding in found]


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:nirtorch.extract_nir_graph:DeprecationWarning")
def test_a_leaky_neuron_without_leak_is_read_as_snntorch_runs_it():
    torch.manual_seed(0)
    one = torch.ones(4)
    linear = nn.Linear(6, 4)
    neuron = snntorch.Leaky(beta=one, threshold=one, reset_mechanism="subtract")
    exported = export_to_nir(nn.Sequential(linear, neuron), torch.zeros(6))
    lif = next(node for node in exported.nodes.values() if isinstance(node, nir.LIF))
    assert np.isinf(lif.tau).all()
    name = next(n for n, node in exported.nodes.items() if node is lif)
    inputs = (np.random.default_rng(1).random((40, 6)) < 0.5).astype(np.float32)
    expected, v = [], neuron.init_leaky()
    with torch.no_grad():
        for x in torch.from_numpy(inputs):
            spikes, v = neuron(linear(x[None]), v)
            expected.append(spikes[0].int().tolist())
    how = Conventions(1e-4, reset_mode="late-subtract")
    network = import_nir(exported, how, timesteps=40)
    population = next(p.name for p in network.populations if name in p.name)
    assert np.sum(expected) > 10
    assert spikes_of(network, population, inputs) == expected
    assert any("tau and r are infinite" in text for text in warned(exported))


def test_an_endless_time_constant_with_a_finite_factor_is_refused():
    node = nir.LIF(full(np.inf), full(1.0), full(0.0), full(1.0))
    with pytest.raises(UltralifError, match="a: tau is infinite and r is not"):
        import_nir(graph("input>a>output", a=node), STEP, timesteps=3)


def test_some_neurons_of_a_node_may_have_no_leak():
    node = nir.LIF(np.array([np.inf, 4.0]), np.array([np.inf, 4.0]), full(0.0), full(2.5))
    network = import_nir(graph("input>a>output", a=node), STEP, timesteps=4)
    fired = spikes_of(network, "a", np.ones((4, 2)))
    # Without leak 1, 2, 3: fires at the third step. With tau = r = 4: 1, 1.75, 2.31, 2.73.
    assert [row[0] for row in fired] == [0, 0, 1, 0]
    assert [row[1] for row in fired] == [0, 0, 0, 1]


def test_a_neuron_without_an_edge_gets_no_current():
    loose = nir.LIF(full(4.0), full(1.0), full(2.0), full(1.0))  # its leak alone makes it fire
    made = graph("input>a>output", "b>w>a", a=if_node(), b=loose, w=nir.Linear(np.eye(2)))
    network = import_nir(made, STEP, timesteps=6)
    fired = spikes_of(network, "b", np.zeros((6, 2)))
    v, expected = 2.0, []
    for _ in range(6):
        v = v + (2.0 - v) / 4
        expected.append([int(v > 1)] * 2)
        v = 0.0 if v > 1 else v
    assert fired == expected
    assert "b: no edge leads to this node; it gets no current" in warned(made)


@pytest.mark.parametrize("first", [0, 1])
def test_flatten_may_count_the_batch(first):
    rng = np.random.default_rng(0)
    flat = nir.Flatten({"input": np.array([2, 3, 3])}, start_dim=first, end_dim=-1)
    weight = rng.normal(0, 1, (2, 18))
    nodes = {
        "input": nir.Input({"input": np.array([2, 3, 3])}),
        "f": flat,
        "w": nir.Linear(weight),
        "a": if_node(),
        "output": nir.Output({"output": np.array([2])}),
    }
    edges = [("input", "f"), ("f", "w"), ("w", "a"), ("a", "output")]
    network = import_nir(nir.NIRGraph(nodes, edges, type_check=False), STEP, timesteps=2)
    (projection,) = [p for p in network.projections if p.target == "a"]
    np.testing.assert_allclose(projection.map.matrix(), weight)
