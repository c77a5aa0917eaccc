"""Digits and MNIST on FPGAs at 8 and 4 bits and ternary; makes the tables of docs/fpga.md.

    python examples/fpga_study.py mnist_train.npz -o results/fpga
    python examples/fpga_study.py mnist_train.npz -o results/fpga --cases mnist-ternary

Deploys the embedded network 64-64-10 on digits, and networks that are trained briefly: 784-128-10
on MNIST, and on digits a convolutional one and one of LIF neurons. For each case the Verilog
is compared with the reference on 200 samples, synthesized for a part, and simulated for its cycles.
The netlist of yosys is compared on the first 20 of these samples. It has cells of iCE40 for any
part, also where no iCE40 holds so many. Finished steps are kept in the output directory and not run
again. About 40 minutes on two cores, ten of them for MNIST at 8 bits.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.data import loading
from ultralif_deploy.errors import CheckFailed
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.pipeline import deploy, train
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.simulators.runners.verilog import netlist
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.untrained import TrainOptions

SAMPLES, NETLIST_SAMPLES = 200, 20

TRAINED = {
    "mnist": (Settings(timesteps=10), TrainOptions(hidden=(128,), epochs=2)),
    "conv": (
        Settings(encoding="rate", timesteps=6),
        TrainOptions("convsnn", None, (8, 16), True, epochs=12, learning_rate=0.005),
    ),
    "lif": (
        Settings(neuron="lif", timesteps=10),
        TrainOptions(hidden=(32,), epochs=5),
    ),
}
"""Networks that are trained here."""


@dataclass(frozen=True, slots=True)
class Case:
    """A network with its weights on a part; lanes of None are chosen by the exporter.

    The network is `digits`, the embedded one, or a key of `TRAINED`.
    """

    network: str
    bits: Bits
    part: str
    lanes: int | None = None

    @property
    def name(self) -> str:
        """The name of its directory."""
        return f"{self.network}-{self.bits}-{self.part}"


CASES = (
    *(Case("digits", bits, part) for part in ("hx8k", "ecp5-25") for bits in (8, 4, "ternary")),
    *(Case("digits", bits, "up5k", 4) for bits in (8, 4, "ternary")),
    *(Case("mnist", bits, "ecp5-25", 32) for bits in (4, "ternary")),
    Case("mnist", 8, "ecp5-45", 32),
    *(Case("mnist", bits, "up5k", 4) for bits in (8, 4, "ternary")),
    *(Case("conv", 8, part) for part in ("hx8k", "ecp5-25")),
    *(Case("lif", 8, part) for part in ("up5k", "ecp5-25")),
)


def deployed(case: Case, mnist: str, output: Path) -> dict[str, Any]:
    """The report of a case; it is written even where the program does not fit."""
    directory = output / case.name
    if not (directory / "report.json").exists():
        checkpoint = Path(loading.__file__).parent / "digits_ultraplif.pt"
        data = mnist if case.network == "mnist" else "digits"
        if case.network in TRAINED:
            checkpoint = trained(case.network, data, output / "trained")
        try:
            deploy(
                checkpoint,
                directory,
                Settings(data=data, limit=SAMPLES),
                bits=case.bits,
                certified_samples=SAMPLES,
                back_ends=("reference", "verilog"),
                part=case.part,
                lanes=case.lanes,
            )
        except CheckFailed as failure:
            print(f"{case.name}: {failure}")
    found: dict[str, Any] = json.loads((directory / "report.json").read_text("utf-8"))
    return found


def trained(network: str, data: str, directory: Path) -> Path:
    """A network of `TRAINED` on its data."""
    path = directory / network / "trained.pt"
    if not path.exists():
        settings, options = TRAINED[network]
        train(path.parent, replace(settings, data=data), options)
    return path


def netlist_differences(directory: Path) -> tuple[int, int]:
    """Spikes of the netlist that differ from the golden vectors, and spikes compared."""
    path = directory / "netlist.txt"
    if not path.exists():
        program = read_nir(directory / "program.nir")
        with np.load(directory / "vectors.npz") as vectors:
            golden = {
                name: vectors[name][:, :NETLIST_SAMPLES] for name in vectors if name != "logits"
            }
            logits = vectors["logits"][:NETLIST_SAMPLES]
        trace = netlist.load(program, directory / "verilog").run(golden.pop("inputs"), record=True)
        assert trace.spikes is not None
        spikes = {name.removeprefix("spikes."): expected for name, expected in golden.items()}
        differ = sum(int((trace.spikes[k] != v).sum()) for k, v in spikes.items())
        differ += int((trace.logits != logits).sum())
        path.write_text(f"{differ} {sum(v.size for v in spikes.values())}", "utf-8")
    first, second = path.read_text("utf-8").split()
    return int(first), int(second)


def row(case: Case, report: dict[str, Any], differ: str) -> str:
    """A line of the table."""
    accuracy = f"{100 * report['accuracy']['integer']:.1f} %"
    lanes = "auto" if case.lanes is None else str(case.lanes)
    start = f"| {case.network} | {case.bits} | {case.part} | {lanes} | {accuracy} | {differ} | "
    found = report["hardware"]["synthesized"]
    if found is None:
        return f"{start}{report['hardware']['refused']} |"
    cycles, cells = found["cycles"], found["available"]
    logic = next(key for key in ("ICESTORM_LC", "TRELLIS_COMB") if key in cells)
    memory = next((key for key in ("ICESTORM_RAM", "DP16KD") if key in cells), None)
    blocks = "0" if memory is None else f"{found['used'][memory]} of {cells[memory]}"
    return (
        f"{start}{found['luts']} | {found['flip_flops']} | {found['logic_cells']} of "
        f"{cells[logic]} | {blocks} | {found['fmax_hz'] / 1e6:.0f} MHz | {cycles['mean']:.0f} "
        f"({cycles['max']}) | {1e6 * found['latency_s']:.1f} µs | "
        f"{found['inferences_per_s']:,.0f} |"
    )


def main() -> None:
    """Run the chosen cases and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("mnist", nargs="?", default="mnist", help="MNIST as --data takes it")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--cases", default="", help="only cases whose name begins so")
    parser.add_argument("--without-netlist", action="store_true")
    options = parser.parse_args()
    lines = []
    for case in CASES:
        if not case.name.startswith(options.cases):
            continue
        report = deployed(case, options.mnist, options.output)
        exact = report["backends"]["verilog"]["exact"]
        differ = f"RTL {'equal' if exact else 'DIFFERS'}"
        if not options.without_netlist and report["hardware"]["refused"] is None:
            differ += ", netlist {} of {}".format(*netlist_differences(options.output / case.name))
        lines.append(row(case, report, differ))
        print(lines[-1], flush=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
