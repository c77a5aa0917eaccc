"""Names that a target cannot hold get others, and the report says so."""

from pathlib import Path

import h5py
import nir
import numpy as np
import snntorch as snn
import torch
from torch import nn

from support.commands import refused, ultralif
from support.networks.nir_graphs import graph, if_node
from ultralif_deploy import from_snntorch
from ultralif_deploy.readers.nir.network import import_nir


def weights() -> nir.Linear:
    return nir.Linear(np.eye(2))


class Named(nn.Module):
    """A chain of neurons with given names."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names
        for name in names:
            self.add_module(name, snn.Leaky(beta=0.5, init_hidden=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in self._names:
            x = getattr(self, name)(x)
        return x


def test_modules_keep_their_neurons_under_other_names() -> None:
    network = from_snntorch(Named(["a/b", "A_b", "\ud800", "input"]), (3,), timesteps=3)
    assert [(p.name, p.given) for p in network.populations] == [
        ("a.b", "a/b"),
        ("A_b_2", "A_b"),
        ("_", "\ud800"),
        ("input_2", "input"),
        ("readout", None),
    ]


def inner() -> nir.NIRGraph:
    return nir.NIRGraph(
        {"in": nir.Input(np.array([2])), "b": if_node(), "out": nir.Output(np.array([2]))},
        [("in", "b"), ("b", "out")],
        type_check=False,
    )


def test_a_node_beside_one_in_a_subgraph_is_not_lost() -> None:
    """`b` in the subgraph `a`, and a node `a.b`."""
    edges = ("input>a>w>a.b>output",)
    network = import_nir(graph(*edges, **{"a": inner(), "w": weights(), "a.b": if_node()}))
    assert [p.name for p in network.populations] == ["a.b", "a.b_2", "readout"]
    assert [p.given for p in network.populations] == [None, "a.b", None]


def test_a_file_with_names_that_are_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.nir"
    nir.write(path, graph("input>one>output", one=if_node()))
    with h5py.File(path, "r+") as file:
        file["node/nodes"].move("one", b"fc\xff")
    assert r"an object named b'fc\xff'; expected a name in UTF-8" in refused("inspect", path)


def test_a_file_with_names_that_no_target_holds_deploys_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "model.nir"
    nodes = {"FC": if_node(), "w": weights(), "fc\u202e": if_node()}
    nir.write(path, graph("input>FC>w>fc\u202e>output", **nodes))
    np.savez(tmp_path / "data.npz", x=np.ones((8, 5, 2), np.uint8), y=np.zeros(8, int))
    data = ("--data", tmp_path / "data.npz", "--timesteps", 5, "--dt", 1e-4)
    run = ultralif(
        "deploy", path, *data, "--certify", 2, "--on", "fast", "-o", tmp_path / "out", "--json"
    )
    assert run.code == 0, run
    assert run.json()["assumed"]["population names"] == {
        "value": r"'fc\u202e' is fc_",
        "source": "names that every target can hold",
    }
    assert "fc_" in (tmp_path / "out" / "report.html").read_text()
