"""NIR graphs of other tools that are refused by name."""

import nir
import numpy as np
import pytest

from support.networks.nir_graphs import STEP, full, graph, if_node
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions


class Strange(nir.NIRNode):
    def __init__(self):
        self.input_type = self.output_type = {}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: graph("input>x>output", x=Strange()), "node 'x' is of type 'Strange'"),
        (
            lambda: graph("input>a>output", a=if_node(size=3)),
            r"a: 3 neurons get values of shape \(2,\)",
        ),
        (
            lambda: graph("input>a>b>output", a=nir.LI(*[full(2)] * 3), b=if_node()),
            "a: does not spike but drives b",
        ),
        (
            lambda: graph("input>a>output", "input>b", a=if_node(), b=nir.I(full(1))),
            "b: does not spike and is not the output",
        ),
        (lambda: graph("input>a", a=if_node()), "output: nothing leads to this node"),
        (lambda: graph("a>output", a=if_node()), "input: leads to no node"),
        (
            lambda: (
                graph("input>p>q>a>output", "q>p", p=nir.Scale(full(1)), q=nir.Scale(full(1)))
                and graph(
                    "input>p>q>a>output",
                    "q>p",
                    p=nir.Scale(full(1)),
                    q=nir.Scale(full(1)),
                    a=if_node(),
                )
            ),
            "a cycle without a neuron",
        ),
        (
            lambda: graph("input>w>a>output", w=nir.Linear(np.eye(3)), a=if_node(size=3)),
            r"w: weight \(3, 3\) on values of shape \(2,\)",
        ),
        (
            lambda: graph("input>a>output", a=nir.LIF(*(full(x) for x in (0.5, 1, 0, 1)))),
            "a: tau = 0.5 s with a timestep of 1 s",
        ),
        (
            lambda: graph("input>a>output", a=nir.LIF(*(full(x) for x in (2, np.nan, 0, 1)))),
            "a: r: values that are NaN",
        ),
        (
            lambda: (
                graph("input>w>d>a>output", w=nir.Affine(np.eye(2), full(1)), a=if_node())
                and graph(
                    "input>w>d>a>output",
                    w=nir.Affine(np.eye(2), full(1)),
                    d=nir.Delay(full(1)),
                    a=if_node(),
                )
            ),
            "d: a Delay behind a bias",
        ),
        (
            lambda: graph(
                "input>a>d>output", a=nir.LI(full(4), full(1), full(0)), d=nir.Delay(full(2))
            ),
            "a: does not spike but drives readout",
        ),
        (
            lambda: graph("input>d>a>output", d=nir.Delay(full(10**6)), a=if_node()),
            "d: delays of 1e.06 to 1e.06 timesteps",
        ),
        (
            lambda: graph("input>d>a>output", d=nir.Delay(np.array([2.0, 1.5])), a=if_node()),
            "d: a delay of 1.5 timesteps; expected whole ones: choose --dt",
        ),
        (
            lambda: graph("input>a>output", input=nir.Input(np.array([10**9])), a=if_node()),
            "expected 1 to 16,777,216 values",
        ),
        (
            lambda: graph(
                "input>p>a>output", p=nir.SumPool2d(*[np.array([2, 2])] * 3), a=if_node()
            ),
            r"p: a SumPool2d on values of shape \(2,\)",
        ),
    ],
)
def test_graphs_that_are_refused_by_name(made, message):
    with pytest.raises(UltralifError, match=message):
        import_nir(made(), STEP)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0,), "dt = 0.0; expected seconds"),
        ((float("nan"),), "dt = nan"),
        ((1.0, "midpoint"), "discretization 'midpoint'; expected one of euler"),
        ((1.0, "euler", "soft"), "reset 'soft'; expected one of value"),
    ],
)
def test_conventions_are_checked(arguments, message):
    with pytest.raises(UltralifError, match=message):
        Conventions(*arguments)
