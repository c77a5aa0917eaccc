"""NIR graphs with several Inputs and Outputs."""

import nir
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.commands import refused, ultralif
from support.networks.nir_graphs import STEP, full, graph, if_node
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions

RNG = np.random.default_rng(0)
LEFT, RIGHT = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))


def inputs(size, steps=12, samples=5):
    return (np.random.default_rng(1).random((steps, samples, size)) < 0.5).astype(np.uint8)


def two_sided(*more, **nodes):
    sides = {"left": nir.Input(np.array([3])), "right": nir.Input(np.array([2]))}
    made = graph(
        *("left>a>h>c>o>output", "right>b>h", *more),
        **{"a": nir.Linear(LEFT), "b": nir.Affine(RIGHT, full(0.1, 4)), "h": if_node(size=4)},
        **{"c": nir.Linear(RNG.normal(size=(2, 4))), "o": if_node(), **sides, **nodes},
    )
    del made.nodes["input"]
    return made


def test_several_inputs_follow_each_other_in_the_order_of_their_names():
    made = import_nir(two_sided(), STEP, timesteps=12)
    weight = np.hstack([LEFT, RIGHT])
    both = graph(
        *("input>a>h>c>o>output",),
        input=nir.Input(np.array([5])),
        a=nir.Affine(weight, full(0.1, 4)),
        **{name: two_sided().nodes[name] for name in ("h", "o")},
        c=nir.Linear(made.incoming("o")[0].map.weight),
    )
    expected = run_hard(import_nir(both, STEP, timesteps=12), inputs(5))
    found = run_hard(made, inputs(5))
    assert all(spikes.any() for spikes in expected.spikes.values())
    for name, spikes in expected.spikes.items():
        assert_array_equal(found.spikes[name], spikes)


def test_an_input_may_be_heard_late():
    late = nir.Delay(full(2.0, 3))
    nodes = two_sided().nodes | {"wait": late}
    edges = [("left", "wait"), ("wait", "a"), ("a", "h"), ("right", "b"), ("b", "h")]
    edges += [("h", "c"), ("c", "o"), ("o", "output")]
    made = import_nir(nir.NIRGraph(nodes, edges, type_check=False), STEP, timesteps=12)
    given = inputs(5)
    shifted = given.copy()
    shifted[2:, :, :3], shifted[:2, :, :3] = given[:-2, :, :3], 0
    expected = run_hard(import_nir(two_sided(), STEP, timesteps=12), shifted).spikes["h"]
    assert_array_equal(run_hard(made, given).spikes["h"], expected)


def test_images_of_one_size_stay_convolutions():
    kernel = RNG.normal(size=(2, 1, 3, 3))
    other = RNG.normal(size=(2, 2, 3, 3))

    def conv(weight):
        return nir.Conv2d((5, 5), weight, 1, 1, 1, 1, np.zeros(2))

    made = graph(
        *("left>a>h>output", "right>b>h"),
        **{"left": nir.Input(np.array([1, 5, 5])), "right": nir.Input(np.array([2, 5, 5]))},
        **{"a": conv(kernel), "b": conv(other), "h": if_node(size=(2, 5, 5))},
        output=nir.Output(np.array([2, 5, 5])),
    )
    del made.nodes["input"]
    (projection,) = import_nir(made, STEP).incoming("h")
    assert isinstance(projection.map, Conv2d)
    assert_array_equal(projection.map.weight, np.concatenate([kernel, other], axis=1))


def test_the_last_population_is_read_and_the_others_are_recorded(tmp_path):
    recorded = two_sided("h>hidden", hidden=nir.Output(np.array([4])))
    given = inputs(5)
    trace = run_hard(import_nir(recorded, STEP, timesteps=12), given)
    assert_array_equal(trace.logits * 12, trace.spikes["o"].sum(axis=0))
    how = Conventions(dt=1.0, output_node="hidden")
    hidden = run_hard(import_nir(recorded, how, timesteps=12), given)
    assert_array_equal(hidden.logits * 12, trace.spikes["h"].sum(axis=0))
    assert_array_equal(hidden.spikes["o"], trace.spikes["o"])
    nir.write(tmp_path / "several.nir", recorded)
    shown = ultralif("inspect", tmp_path / "several.nir", "--dt", 1).out
    assert "left 0-2, right 3-4" in shown
    assert "the spikes of h" in shown


def test_an_output_that_is_not_read_may_be_left_out():
    membrane = nir.LI(full(4), full(1), full(0))
    made = two_sided("c>m>potential", m=membrane, potential=nir.Output(np.array([2])))
    with pytest.raises(UltralifError, match="2 Output nodes, output, potential; a program"):
        import_nir(made, STEP)
    read = import_nir(made, Conventions(dt=1.0, output_node="output"))
    assert [p.name for p in read.populations] == ["h", "o", "readout"]
    read = import_nir(made, Conventions(dt=1.0, output_node="potential"))
    assert [p.name for p in read.populations][-1] == "m"


def test_ports_that_cannot_be_taken_are_refused(tmp_path):
    nir.write(tmp_path / "one.nir", two_sided())
    message = refused("inspect", tmp_path / "one.nir", "--dt", 1, "--output-node", "last")
    assert "no Output 'last'; expected one of output" in message
    lonely = two_sided(third=nir.Input(np.array([2])))
    with pytest.raises(UltralifError, match="third: leads to no node"):
        import_nir(lonely, STEP)
