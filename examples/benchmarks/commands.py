"""What the commands cost: processor time, wall time and peak memory of each, in a new process.

    python examples/benchmarks/commands.py              # some minutes; 60 000 samples need most

A network 784-512-512-10, T = 10, is trained for one epoch on random images, deployed with 1000,
10 000 and 60 000 test samples. The other commands run on the program that this gives. Processor
time adds up all threads. A first run that is not counted fills the caches.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BACK_ENDS = "reference,fast,onnx,loihi1,loihi2"

Cost = dict[str, str | float]


def random_images(path: Path, samples: int, inputs: int) -> None:
    """A data set of random images with labels."""
    rng = np.random.default_rng(0)

    def images(count: int) -> np.ndarray:
        values = rng.integers(0, 256, (count, inputs), dtype=np.uint8)
        return np.where(rng.random((count, inputs)) < 0.2, values, np.uint8(0))

    np.savez(
        path,
        x_train=images(2000),
        y_train=rng.integers(0, 10, 2000),
        x_test=images(samples),
        y_test=rng.integers(0, 10, samples),
    )


def cost(name: str, *arguments: str) -> Cost:
    """Run a command in a new process and say what it cost."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "ultralif_deploy", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)}: ended with {process.returncode}")
    return {
        "command": name,
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "wall_s": round(time.perf_counter() - began, 2),
        "peak_mb": round(used.ru_maxrss / 1024),
    }


def costs(directory: Path, samples: list[int], hidden: int, inputs: int) -> list[Cost]:
    """Every command's cost, deploy at each number of samples.

    Args:
        directory: for all files.
        samples: numbers of test samples.
        hidden: neurons of both hidden layers.
        inputs: pixels.
    """
    data = {n: directory / f"{n}.npz" for n in samples}
    for n, path in data.items():
        # A command's peak memory counts from that of the process that starts it, so keep it small.
        made = multiprocessing.Process(target=random_images, args=(path, n, inputs))
        made.start()
        made.join()
    first, output = str(data[samples[0]]), str(directory / "out")
    layers = ("--hidden", f"{hidden},{hidden}", "--timesteps", "10", "--epochs", "1")
    cost("train", "train", "--data", first, *layers, "-o", str(directory))
    checkpoint, rows = str(directory / "trained.pt"), []
    cost("doctor", "doctor")
    for n, path in data.items():
        options = ("--data", str(path), "--on", BACK_ENDS, "-o", output)
        rows.append(cost(f"deploy, {n} samples", "deploy", checkpoint, *options))
    program, many = f"{output}/program.nir", data[samples[min(1, len(samples) - 1)]]
    rows += [
        cost("simulate", "simulate", program, "--data", str(many)),
        cost("verify --certificate", "verify", "--certificate", f"{output}/certificate.json"),
        cost("inspect", "inspect", program),
        cost("doctor", "doctor"),
    ]
    return rows


def main() -> None:
    """Measure all commands and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 10_000, 60_000])
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--inputs", type=int, default=784)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        rows = costs(Path(directory), options.samples, options.hidden, options.inputs)
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{'command':26} {'CPU s':>8} {'wall s':>8} {'peak MB':>8}")
    for row in rows:
        print(f"{row['command']:26} {row['cpu_s']:8} {row['wall_s']:8} {row['peak_mb']:8}")


if __name__ == "__main__":
    main()
