"""Delays in the table of meant and stored: from NIR's Delay nodes to a program's delay lines."""

import itertools
import json
from dataclasses import replace

import nir
import numpy as np
import pytest

from support.commands import ultralif
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.delays import Delay, stored_delays
from ultralif_deploy.program.graph import Identity, Projection
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.quantization.rounding import Row, rounding_table
from ultralif_deploy.readers.nir.delays import meant_delays
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.verify.judging import rounding_findings

OFF = 2.0**-11
"""Timesteps by which some delays here miss a whole one; exact in float64, within the tolerance."""


def graph(*chains, **nodes):
    """A graph with an input and an output of 2 values; edges as "a>b>c"."""
    ends = {"input": nir.Input(np.array([2])), "output": nir.Output(np.array([2]))}
    edges = [pair for chain in chains for pair in itertools.pairwise(chain.split(">"))]
    return nir.NIRGraph(ends | nodes, edges, type_check=False)


def fires():
    return nir.IF(np.ones(2), np.full(2, 0.5), np.zeros(2))


def late(*steps):
    return nir.Delay(np.array(steps, dtype=float))


def quantized(made):
    """What was quantized, the program and the delays that a graph with dt = 1 means."""
    network = apply_passes(import_nir(made, Conventions(dt=1.0), timesteps=12))
    delays = meant_delays(made, Conventions(dt=1.0), network.populations[-1].name)
    return network, quantize(network, 8), delays


def delay_rows(made):
    return [row for row in rounding_table(*quantized(made)) if row.parameter == "delay"]


def row(name, meant, stored, error):
    return Row(name, "delay", meant, stored, error, error, 1 / 64, None)


def test_a_network_without_delays_has_no_such_row():
    assert delay_rows(graph("input>a>output", a=fires())) == []


def test_every_delay_has_a_row_in_timesteps():
    made = graph("input>a>d>b>output", a=fires(), b=fires(), d=late(3, 1 - OFF))
    assert delay_rows(made) == [
        row("a->b", 1 - OFF, 1, OFF),
        row("a->b", 3.0, 3, 0.0),
    ]


@pytest.mark.parametrize("steps", [(3 - OFF, 3 + OFF / 2), (3 + OFF / 2, 3 - OFF)])
def test_the_delay_that_errs_most_is_shown(steps):
    made = graph("input>a>d>b>output", a=fires(), b=fires(), d=late(*steps))
    assert delay_rows(made) == [row("a->b", 3 - OFF, 3, OFF)]


def test_delays_of_the_input_to_the_output_and_in_a_cycle():
    made = graph(
        *("input>d>a>e>output", "a>f>a"), a=fires(), d=late(2, 2), e=late(4, 4), f=late(5, 5)
    )
    assert {(r.name, r.meant, r.stored, r.error) for r in delay_rows(made)} == {
        ("input->a", 2.0, 2, 0.0),
        ("a->a", 5.0, 5, 0.0),
        ("a->readout", 4.0, 4, 0.0),
    }


def test_delays_in_series_are_added_up():
    made = graph(
        "input>a>d>s>e>b>output",
        **{"a": fires(), "b": fires(), "s": nir.Scale(np.full(2, 2.0))},
        **{"d": late(2 + OFF, 2), "e": late(1 + OFF, 1 + OFF)},
    )
    assert delay_rows(made) == [row("a->b", 3 + 2 * OFF, 3, 2 * OFF)]


def test_delays_of_parallel_edges_have_a_row_each():
    made = graph("input>a>d>b>output", "a>e>b", a=fires(), b=fires(), d=late(2, 2), e=late(6, 6))
    assert delay_rows(made) == [row("a->b", 2.0, 2, 0.0), row("a->b", 6.0, 6, 0.0)]


def test_delays_in_a_subgraph_and_names_that_are_changed():
    inner = graph("input>d>lif>output", d=late(3, 3), lif=fires())
    made = graph("input>a/b>x>s>output", **{"a/b": fires(), "x": late(1, 1), "s": inner})
    assert delay_rows(made) == [row("a.b->s.lif", 4.0, 4, 0.0)]


def test_a_delay_that_is_rounded_to_none_is_shown():
    made = graph("input>a>d>b>output", a=fires(), b=fires(), d=late(OFF, 0))
    assert delay_rows(made) == [row("a->b", OFF, 0, OFF)]


def test_a_delay_line_that_is_too_short_is_found():
    made = graph("input>a>d>b>output", a=fires(), b=fires(), d=late(3, 3))
    network, program, delays = quantized(made)
    cut = tuple(
        replace(p, source="a, 2 later") if p.name == "a, 3 later->b" else p
        for p in program.projections
    )
    assert cut != program.projections
    wrong = replace(program, projections=cut)
    assert stored_delays(wrong, delays) == {Delay("a", "b", 3.0): 2}
    rows, findings = rounding_findings(network, wrong, delays)
    assert rows[-1] == row("a->b", 3.0, 2, 1.0)
    (found,) = (f for f in findings if f.kind == "parameter-error")
    assert found.text.startswith("a->b: delay is 2 instead of 3, ")
    assert found.remedy == "delays are whole timesteps (--dt)"


def test_what_is_no_delay_line_ends_the_search():
    _, program, _ = quantized(graph("input>a>d>b>output", a=fires(), b=fires(), d=late(2, 2)))
    loop = Projection("a, 1 later", "a, 1 later", Identity(2))
    others = [p for p in program.projections if p.target != "a, 1 later"]
    turning = replace(program, projections=(*others, loop))
    assert stored_delays(turning, (Delay("a", "b", 2.0),)) == {}
    assert stored_delays(program, (Delay("b", "a", 2.0), Delay("gone", "b", 1.0))) == {}


@pytest.fixture(scope="module")
def delayed_file(tmp_path_factory):
    """A file as nir writes it, with delays in seconds of float32."""
    directory = tmp_path_factory.mktemp("delays")
    seconds = np.array([0.0007, 0.0002], dtype=np.float32)
    nir.write(
        directory / "delayed.nir",
        graph("input>a>d>b>output", a=fires(), b=fires(), d=nir.Delay(seconds)),
    )
    x = np.random.default_rng(0).integers(0, 2, (20, 9, 2), dtype=np.uint8)
    np.savez(directory / "x.npz", x_test=x, y_test=np.arange(20) % 2)
    expected = [float(seconds[1]) / 1e-4, float(seconds[0]) / 1e-4]
    return directory, expected


def of_delays(rows):
    return [r for r in rows if r["parameter"] == "delay"]


@pytest.mark.parametrize("command", ["inspect", "quantize"])
def test_commands_show_the_row(delayed_file, command, tmp_path):
    directory, expected = delayed_file
    out = ("-o", tmp_path) if command == "quantize" else ()
    given = (command, directory / "delayed.nir", "--dt", 1e-4, *out)
    rows = of_delays(ultralif(*given, "--json").json()["parameters_stored"])
    assert [(r["name"], r["meant"], r["stored"]) for r in rows] == [
        ("a->b", expected[0], 2),
        ("a->b", expected[1], 7),
    ]
    assert [r["error"] for r in rows] == [abs(expected[0] - 2), abs(expected[1] - 7)]
    assert all(0 < r["error"] < 1e-3 and r["neuron"] is None for r in rows)
    assert "delay" in ultralif(*given).err + ultralif(*given).out


def test_the_reports_show_the_row(delayed_file, tmp_path):
    directory, expected = delayed_file
    how = ("--dt", 1e-4, "--encoding", "events", "--on", "fast", "--certify", 5)
    given = (directory / "delayed.nir", "--data", directory / "x.npz", *how, "-o", tmp_path)
    assert ultralif("verify", *given).code == 0
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert [r["meant"] for r in of_delays(report["parameters"])] == expected
    page = (tmp_path / "report.html").read_text("utf-8")
    table = page[page.index("Meant, stored and error") :]
    assert table.count(">delay<") == 2
