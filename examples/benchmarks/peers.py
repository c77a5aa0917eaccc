"""`fast` against its strongest peers: networks, input densities and batches, in one run.

    python examples/benchmarks/peers.py             # about ten minutes
    python examples/benchmarks/peers.py --networks "conv 8-16" --batches 256

Every peer folds time into the batch: a layer's products of all timesteps and samples are one call,
and neurons with a memory go through the timesteps behind it. Recurrent networks cannot be folded;
torch runs them timestep by timestep, and onnxruntime not at all. The peers are onnxruntime with
8-bit matrix products (dense layers alone) and in float32, torch in float32, and the exported C as
`c` builds it. The best number of threads counts for each. Logits of threshold networks are
compared with ours before anything is timed; leaky neurons round differently in float32, so theirs
are not. Rounds alternate between the peers, and the best round counts. A ratio is our rate over
that of the best peer.
"""

import argparse
import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from measuring import (
    CLASSES,
    TIMESTEPS,
    Run,
    convolutional,
    convolutional_32_64,
    lif_mlp,
    mlp,
    recurrent,
    residual,
    seconds,
    spikes,
    wide_lif_mlp,
    wide_mlp,
)
from onnx import TensorProto, helper, numpy_helper

from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.fixed import DECAY_ONE, FRACTION_BITS
from ultralif_deploy.program.graph import INPUT, Dense, Identity
from ultralif_deploy.program.neurons import LIF
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Executable
from ultralif_deploy.verify.backends import load_on

NETWORKS: dict[str, Callable[[int], Program]] = {
    "784-128-10": mlp,
    "784-512-512-10": wide_mlp,
    "LIF 784-128-10": lif_mlp,
    "LIF 784-512-512-10": wide_lif_mlp,
    "conv 8-16": convolutional,
    "conv 32-64": convolutional_32_64,
    "residual": residual,
    "recurrent 784-128-10": recurrent,
}
THREADS = (1, 2)


class Graph:
    """A program as an onnxruntime graph of rows (timestep, sample).

    Args:
        program: threshold units or leaky neurons without biases and without delayed projections.
        integers: 8-bit matrix products in place of float32.
    """

    def __init__(self, program: Program, integers: bool) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.integers = integers
        sent, current = {INPUT: "x"}, ""
        for population in program.populations:
            terms = [self.current(p.map, sent[p.source]) for p in program.incoming(population.name)]
            current = functools.reduce(lambda a, b: self.add("Add", a, b), terms)
            if population.spikes:
                sent[population.name] = self.fired(population.neuron, current)
        steps = self.add("Reshape", current, self.constant(np.array([TIMESTEPS, -1, CLASSES])))
        self.add("ReduceSum", steps, self.constant(np.array([0])), output="logits", keepdims=0)

    def constant(self, value: np.ndarray) -> str:
        """Keep an array; returns its name."""
        name = f"constant{len(self.constants)}"
        self.constants[name] = value
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **how: Any) -> str:
        """Add a node; returns the name of its output."""
        name = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **how))
        return name

    def current(self, linear: Any, source: str) -> str:
        """Current of all rows, [row, target]."""
        if isinstance(linear, Identity):
            return self.as_float(source)
        if isinstance(linear, Conv2d):
            shape = self.constant(np.array([-1, *linear.input_shape]))
            image = self.add("Reshape", self.as_float(source), shape)
            kernel = self.constant(linear.weight.astype(np.float32))
            made = self.add(
                "Conv", image, kernel, strides=linear.stride, pads=[*linear.padding] * 2
            )
            return self.add("Flatten", made)
        weight = np.ascontiguousarray(linear.weight.T)
        if self.integers:
            return self.add("MatMulInteger", source, self.constant(weight))
        return self.add("MatMul", self.as_float(source), self.constant(weight.astype(np.float32)))

    def as_float(self, source: str) -> str:
        """The same values in float32."""
        return self.add("Cast", source, to=TensorProto.FLOAT)

    def fired(self, neuron: Any, current: str) -> str:
        """Spikes uint8 of all rows."""
        if not isinstance(neuron, LIF):
            kind = np.int32 if self.integers else np.float32
            over = self.add("Greater", current, self.constant(neuron.threshold.astype(kind)))
            return self.add("Cast", over, to=TensorProto.UINT8)
        unit = 1 << FRACTION_BITS
        threshold = self.constant((neuron.threshold / unit).astype(np.float32))
        keep = self.constant((1 - neuron.decay / DECAY_ONE).astype(np.float32))
        shape = self.constant(np.array([TIMESTEPS, -1, len(neuron.threshold)]))
        steps = self.add("Reshape", self.as_float(current), shape)
        parts = [f"{steps}-{t}" for t in range(TIMESTEPS)]
        sizes = self.constant(np.ones(TIMESTEPS, np.int64))
        self.nodes.append(helper.make_node("Split", [steps, sizes], parts, axis=0))
        membrane, sent = "", []
        for part in parts:
            if membrane:
                part = self.add("Add", self.add("Mul", membrane, keep), part)
            over = self.add("Greater", part, threshold)
            sent.append(self.add("Cast", over, to=TensorProto.UINT8))
            rest = self.add("Cast", self.add("Not", over), to=TensorProto.FLOAT)
            membrane = self.add("Mul", part, rest)
        together = self.add("Concat", *sent, axis=0)
        return self.add("Reshape", together, self.constant(np.array([-1, len(neuron.threshold)])))

    def session(self, inputs: int, threads: int) -> onnxruntime.InferenceSession:
        """The graph ready to run.

        Args:
            inputs: number of inputs.
            threads: threads of an operation.
        """
        graph = helper.make_graph(
            self.nodes,
            "peer",
            [helper.make_tensor_value_info("x", TensorProto.UINT8, [None, inputs])],
            [helper.make_tensor_value_info("logits", TensorProto.UNDEFINED, None)],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        graph.output[0].type.tensor_type.elem_type = (
            TensorProto.INT32 if self.integers else TensorProto.FLOAT
        )
        opsets = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def on_onnxruntime(program: Program, threads: int, integers: bool) -> Run:
    session = Graph(program, integers).session(program.input.size, threads)

    def run(given: np.ndarray) -> np.ndarray:
        (logits,) = session.run(None, {"x": given.reshape(-1, given.shape[-1])})
        return np.asarray(logits)

    return run


def on_torch(program: Program, threads: int) -> Run:
    weights = {
        p.name: torch.tensor(p.map.weight.astype(np.float32))
        for p in program.projections
        if isinstance(p.map, Dense | Conv2d)
    }

    def folded(rows: torch.Tensor) -> torch.Tensor:
        sent, current = {INPUT: rows}, torch.zeros(())
        for population in program.populations:
            current = _sum(program, population.name, weights, sent)
            if population.spikes:
                steps = current.view(TIMESTEPS, -1, population.size)
                sent[population.name] = _fired(population.neuron, steps).flatten(0, 1)
        return current.view(TIMESTEPS, -1, CLASSES).sum(0)

    def step_by_step(rows: torch.Tensor) -> torch.Tensor:
        """Where a projection is delayed, time cannot be folded."""
        membranes, logits = dict[str, torch.Tensor](), torch.zeros(())
        sent = {
            p.name: torch.zeros(len(rows) // TIMESTEPS, p.size) for p in program.populations[:-1]
        }
        for now in rows.view(TIMESTEPS, -1, rows.shape[-1]):
            sent[INPUT] = now
            for population in program.populations[:-1]:
                name = population.name
                held = membranes.get(name, torch.zeros(()))
                sent[name], membranes[name] = _step(
                    population.neuron, held, _sum(program, name, weights, sent)
                )
            logits = logits + _sum(program, program.readout.name, weights, sent)
        return logits

    @torch.no_grad()
    def run(given: np.ndarray) -> np.ndarray:
        torch.set_num_threads(threads)
        rows = torch.from_numpy(given.reshape(-1, given.shape[-1])).float()
        return (step_by_step if program.delayed else folded)(rows).numpy()

    return run


def _sum(
    program: Program, target: str, weights: dict[str, torch.Tensor], sent: dict[str, torch.Tensor]
) -> torch.Tensor:
    """The current of a population, [row, target]."""
    terms = []
    for p in program.incoming(target):
        rows, linear = sent[p.source], p.map
        if isinstance(linear, Conv2d):
            images = rows.view(-1, *linear.input_shape)
            how = linear.stride, linear.padding
            made = torch.nn.functional.conv2d(images, weights[p.name], None, *how)
            rows = made.flatten(1)
        elif isinstance(linear, Dense):
            rows = torch.nn.functional.linear(rows, weights[p.name])
        terms.append(rows)
    return functools.reduce(torch.add, terms)


def _fired(neuron: Any, current: torch.Tensor) -> torch.Tensor:
    """Spikes of all timesteps, of currents [time, batch, neuron]."""
    if not isinstance(neuron, LIF):
        return (current > torch.from_numpy(neuron.threshold.astype(np.float32))).float()
    membrane, sent = torch.zeros(()), []
    for now in current:
        fired, membrane = _step(neuron, membrane, now)
        sent.append(fired)
    return torch.stack(sent)


def _step(
    neuron: Any, membrane: torch.Tensor, current: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes and membranes after one timestep of leaky neurons."""
    threshold = torch.from_numpy(neuron.threshold.astype(np.float32)) / (1 << FRACTION_BITS)
    keep = torch.from_numpy((1 - neuron.decay / DECAY_ONE).astype(np.float32))
    membrane = membrane * keep + current
    fired = (membrane > threshold).float()
    return fired, membrane * (1 - fired)


def logits_of(executable: Executable, given: np.ndarray) -> np.ndarray:
    return executable.run(given).logits


def peers_of(program: Program) -> dict[str, Run]:
    """Every way to run a program, by name; `fast` first."""
    runs: dict[str, Run] = {
        name: functools.partial(logits_of, load_on(name, program)) for name in ("fast", "c")
    }
    dense = not program.delayed and all(isinstance(p.map, Dense) for p in program.projections)
    for threads in THREADS:
        if dense:
            runs[f"onnxruntime int8, {threads}"] = on_onnxruntime(program, threads, True)
        if not program.delayed:
            runs[f"onnxruntime float32, {threads}"] = on_onnxruntime(program, threads, False)
        runs[f"torch float32, {threads}"] = on_torch(program, threads)
    return runs


def measured(
    program: Program, share: float, batch: int, rounds: int, minimum_s: float
) -> dict[str, float]:
    """Samples per second by peer."""
    runs, given = peers_of(program), spikes(batch, program.input.size, share)
    exact = not any(isinstance(p.neuron, LIF) for p in program.populations)
    expected = runs["fast"](given)
    for name, run in runs.items():
        found = run(given)
        assert found.shape == expected.shape, name
        if exact or name == "c":
            np.testing.assert_array_equal(found, expected, name)
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            best[name] = min(best[name], seconds(run, given, minimum_s))
    return {name: batch / taken for name, taken in best.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--shares", type=float, nargs="+", default=[0.02, 0.1, 0.3])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minimum", type=float, default=0.3, help="Seconds per measurement.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    if not arguments.json:
        print("| network | active inputs | batch | `fast` | best peer | ratio |")
        print("|---|---|---|---|---|---|")
    for name in arguments.networks:
        program = NETWORKS[name](0)
        for batch in arguments.batches:
            for share in arguments.shares:
                rates = measured(program, share, batch, arguments.rounds, arguments.minimum)
                rows.append({"network": name, "share": share, "batch": batch, "rates": rates})
                if not arguments.json:
                    print(_row(name, share, batch, dict(rates)), flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=2))


def _row(name: str, share: float, batch: int, rates: dict[str, float]) -> str:
    ours = rates.pop("fast")
    peer = max(rates, key=rates.__getitem__)
    cells = (name, f"{share:.0%}", str(batch), f"{ours:,.0f}", f"{peer} {rates[peer]:,.0f}")
    return f"| {' | '.join(cells)} | {ours / rates[peer]:.2f} |"


if __name__ == "__main__":
    main()
