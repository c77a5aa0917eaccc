"""Throughput of `fast` against onnxruntime and snnTorch on one network, in one run.

    python examples/benchmarks/simulators.py            # about a minute

MLP 784-128-10 of threshold units, T = 10, random 8-bit weights, 10 % input spikes. onnxruntime
runs a hand-built MatMulInteger graph with time folded into the batch; snnTorch runs Linear and
Leaky (beta 0) in float32, timestep by timestep. Every peer's logits are compared with ours before
it is timed. Rounds alternate between the peers, and the best round counts, so that a busy moment
of the machine hits all alike.
"""

import argparse
import json

import numpy as np
import onnx
import onnxruntime
import snntorch
import torch
from measuring import CLASSES, INPUTS, TIMESTEPS, Run, mlp, seconds, spikes
from onnx import TensorProto, helper, numpy_helper

from ultralif_deploy.program.program import Program
from ultralif_deploy.verify.backends import load_on


def parts(program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights [source, target] of both layers and the hidden thresholds."""
    first, second = (p.map.matrix().T for p in program.projections)
    return first, second, program.populations[0].parameters()["threshold"]


def on_onnxruntime(program: Program, threads: int) -> Run:
    first, second, threshold = parts(program)
    constants = {
        "w1": np.ascontiguousarray(first),
        "w2": np.ascontiguousarray(second),
        "theta": threshold.astype(np.int32),
        "shape": np.array([TIMESTEPS, -1, CLASSES]),
        "axis": np.array([0]),
    }
    nodes = [
        helper.make_node("MatMulInteger", ["x", "w1"], ["current"]),
        helper.make_node("Greater", ["current", "theta"], ["fired"]),
        helper.make_node("Cast", ["fired"], ["spikes"], to=TensorProto.UINT8),
        helper.make_node("MatMulInteger", ["spikes", "w2"], ["out"]),
        helper.make_node("Reshape", ["out", "shape"], ["steps"]),
        helper.make_node("ReduceSum", ["steps", "axis"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [None, INPUTS])],
        [helper.make_tensor_value_info("logits", TensorProto.INT32, [None, CLASSES])],
        [numpy_helper.from_array(v, k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda spikes: session.run(None, {"x": spikes.reshape(-1, INPUTS)})[0]


def on_snntorch(program: Program, threads: int) -> Run:
    first, second, threshold = parts(program)
    w1, w2 = (torch.tensor(w.T.astype(np.float32)) for w in (first, second))
    # The threshold goes into the bias: Leaky fires at mem > threshold, strictly.
    neuron = snntorch.Leaky(beta=0.0, threshold=0.5, reset_mechanism="zero")
    bias = torch.tensor(0.5 - (threshold + 0.5), dtype=torch.float32)

    @torch.no_grad()
    def run(spikes: np.ndarray) -> np.ndarray:
        torch.set_num_threads(threads)
        total = torch.zeros(spikes.shape[1], CLASSES)
        membrane = neuron.init_leaky()
        for now in torch.from_numpy(spikes).float():
            fired, membrane = neuron(torch.nn.functional.linear(now, w1, bias), membrane)
            total += torch.nn.functional.linear(fired, w2)
        return total.numpy()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64, 256, 1024])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minimum", type=float, default=0.5, help="Seconds per measurement.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    program = mlp(seed=0)
    executable = load_on("fast", program)
    peers: dict[str, Run] = {"ultralif fast": lambda inputs: executable.run(inputs).logits}
    for threads in (1, 2):
        peers[f"onnxruntime MatMulInteger, {threads} threads"] = on_onnxruntime(program, threads)
        peers[f"snnTorch float32, {threads} threads"] = on_snntorch(program, threads)
    inputs = {batch: spikes(batch) for batch in arguments.batches}
    for name, run in peers.items():
        for given in inputs.values():
            np.testing.assert_array_equal(run(given), peers["ultralif fast"](given), name)
    best = {name: dict.fromkeys(inputs, float("inf")) for name in peers}
    for _ in range(arguments.rounds):
        for batch, given in inputs.items():
            for name, run in peers.items():
                taken = seconds(run, given, arguments.minimum)
                best[name][batch] = min(best[name][batch], taken)
    rates = {name: {b: b / t for b, t in times.items()} for name, times in best.items()}
    if arguments.json:
        print(json.dumps(rates, indent=2))
        return
    print("samples per second".ljust(38) + "".join(f"batch {b}".rjust(13) for b in inputs))
    for name, by_batch in rates.items():
        print(name.ljust(38) + "".join(f"{r:13,.0f}" for r in by_batch.values()))
    ours = max(rates["ultralif fast"].values())
    for peer in ("onnxruntime", "snnTorch"):
        theirs = max(max(r.values()) for name, r in rates.items() if name.startswith(peer))
        print(f"best batch: {ours / theirs:.2f} times {peer}")


if __name__ == "__main__":
    main()
