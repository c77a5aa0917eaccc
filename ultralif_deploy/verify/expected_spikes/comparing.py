"""Expected spikes beside those of the float network and of the integer program.

Passes remove neurons only where every spike stays, so a neuron that the program does not hold
counts with the spikes of the float network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.findings.assumptions import AMBIGUOUS
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.network.network import Network
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace, array_digest
from ultralif_deploy.schema.expected import CertifiedSpikes, ExpectedSpikes
from ultralif_deploy.verify.backends import load_on
from ultralif_deploy.verify.expected_spikes.differences import Differences, blocks_of, parts_of
from ultralif_deploy.verify.expected_spikes.reading import Expected, Shapes, read_expected


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """What a certificate says about expected spikes of its samples.

    Attributes:
        sha256: of the user's file.
        spikes: expected of the neurons that the program holds, uint8 [time, sample, neuron].
        float: values of the float network that differ from them, by population.
    """

    sha256: str
    spikes: dict[str, np.ndarray]
    float: dict[str, int]

    def record(self, trace: Trace) -> CertifiedSpikes:
        """For the certificate, with what differs in a trace of the program."""
        found = spikes_record(self.spikes, trace)
        digests, integer = found["spikes_sha256"], found["integer"]
        return {
            "file_sha256": self.sha256,
            "spikes_sha256": digests,
            "float": self.float,
            "integer": integer,
        }


class SpikesRecord(TypedDict):
    """The part of a certificate's claim that vectors and program tell again."""

    spikes_sha256: dict[str, str]
    integer: dict[str, int]


def spikes_record(expected: dict[str, np.ndarray], trace: Trace) -> SpikesRecord:
    """Digests of expected spikes, and how many values of a trace differ, by population."""
    assert trace.spikes is not None
    differ = {}
    for name, wanted in expected.items():
        found = trace.spikes.get(name)
        same = found is not None and found.shape == wanted.shape
        differ[name] = int(np.count_nonzero(found != wanted)) if same else wanted.size
    return {
        "spikes_sha256": {name: array_digest(spikes) for name, spikes in expected.items()},
        "integer": differ,
    }


def expected_of_network(
    path: str | Path, network: Network, samples: int, timesteps: int, *, limited: bool
) -> Expected:
    """Read expected spikes and logits of a network.

    Args:
        path: path of the user's file.
        network: network whose populations the file describes.
        samples: number of samples of the data.
        timesteps: T.
        limited: whether the data were cut, so that the file may hold more samples.

    Raises:
        UltralifError: as for `read_expected`.
    """
    neurons = {p.name: p.size for p in network.populations if p.neuron.FIRES}
    classes = network.populations[-1].size
    return read_expected(path, Shapes(neurons, classes, samples, timesteps, limited))


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The networks that are compared with what is expected.

    Attributes:
        network: float network, before the passes.
        passed: network after the passes; it says which neurons the program holds.
        program: integer program.
    """

    network: Network
    passed: Network
    program: Program

    def held(self) -> dict[str, np.ndarray]:
        """The neurons that the program holds, as indices among those before the passes."""
        sizes = {p.name: p.size for p in self.network.populations}
        return {
            p.name: np.arange(sizes[p.name]) if p.kept is None else p.kept
            for p in self.passed.populations
            if p.neuron.FIRES and p.name in sizes
        }


class SidesCounter:
    """Counts what differs from expected spikes, in float and in integers, block by block."""

    def __init__(self, expected: Expected, sides: Sides) -> None:
        self.expected, self.sides = expected, sides
        self.found, self.integer = Differences(), dict.fromkeys(expected.spikes, 0)
        self.samples = 0
        self._held = sides.held()

    def add(self, inputs: np.ndarray, trace: Trace) -> None:
        """Compare the next samples; the float network runs as many of them at once as it can.

        Args:
            inputs: inputs of the program's run, [time, sample, input].
            trace: trace of the program, with its spikes.
        """
        assert trace.spikes is not None
        network = self.sides.network
        for part in parts_of(network, inputs.shape[1]):
            whole = self._all_timesteps(inputs[:, part])
            block = slice(self.samples + part.start, self.samples + part.start + whole.shape[1])
            run = run_hard(network, whole)
            self.found.add(network, run, self.expected, block)
            for name, wanted in self.expected.spikes.items():
                meant = run.spikes[name].astype(np.uint8)
                if name in trace.spikes:
                    meant[: len(inputs), :, self._held[name]] = trace.spikes[name][:, part]
                self.integer[name] += int(np.count_nonzero(meant != wanted[:, block]))
        self.samples += inputs.shape[1]

    def _all_timesteps(self, inputs: np.ndarray) -> np.ndarray:
        """The inputs of the float network, which a pass that collapses time leaves as it is."""
        steps = self.sides.network.timesteps
        if not self.sides.network.input.constant or len(inputs) == steps:
            return inputs
        return np.broadcast_to(inputs[:1], (steps, *inputs.shape[1:]))

    def content(self) -> ExpectedSpikes:
        """For the report and --json."""
        return compared_content(self.expected, self.samples, self.integer, self.found)


def compared_content(
    expected: Expected,
    samples: int,
    integer: Mapping[str, int],
    found: Differences | None = None,
) -> ExpectedSpikes:
    """What the report and --json say about expected spikes.

    Args:
        expected: expected spikes and logits of all samples.
        samples: number of samples that were compared.
        integer: values of the program that differ, by population.
        found: what differs in the float network; None where there is none.
    """
    return {
        "file": expected.path.name,
        "sha256": expected.sha256,
        "samples": samples,
        "populations": {
            name: {
                "spikes": int(spikes.sum(dtype=np.int64)),
                "float": None if found is None else found.spikes[name],
                "integer": integer[name],
            }
            for name, spikes in expected.spikes.items()
        },
        "float_logits": None if found is None or expected.logits is None else found.logits,
        "first": None if found is None else found.first,
    }


def compare_expected(
    expected: Expected,
    sides: Sides,
    x: np.ndarray,
    encoder: Encoder,
    on_progress: Callable[[float], None],
) -> ExpectedSpikes:
    """Count what differs from the expected spikes, in float and in integers.

    Args:
        expected: expected spikes and logits of all samples.
        sides: the networks.
        x: the samples.
        encoder: encoder of the inputs.
        on_progress: function that is called with the share done.
    """
    executable, counter = load_on("fast", sides.program), SidesCounter(expected, sides)
    steps = sides.program.timesteps
    for block, inputs in blocks_of(sides.network, encoder, x):
        counter.add(inputs[:steps], executable.run(inputs[:steps], record=True))
        on_progress(block.stop / len(x))
    return counter.content()


def claim_of(expected: Expected, sides: Sides, inputs: np.ndarray) -> Claim:
    """What a certificate says of its samples, the first of the data.

    Args:
        expected: expected spikes and logits of all samples.
        sides: the networks.
        inputs: inputs of the certified samples, uint8 [time, sample, input].
    """
    trace, spikes, differ = run_hard(sides.network, inputs), {}, {}
    steps, samples = inputs.shape[:2]
    for name, held in sides.held().items():
        if name in expected.spikes:
            wanted = expected.spikes[name][:steps, :samples, held]
            spikes[name] = np.ascontiguousarray(wanted)
            differ[name] = int(np.count_nonzero(trace.spikes[name][:, :, held] != wanted))
    return Claim(expected.sha256, spikes, differ)


def expected_findings(compared: ExpectedSpikes) -> tuple[Finding, ...]:
    """A warning where the float network is not what the framework computed."""
    differ = sum(one["float"] or 0 for one in compared["populations"].values())
    differ += compared["float_logits"] or 0
    if not differ:
        return ()
    return (
        Finding(
            AMBIGUOUS,
            f"{differ:,} values of the float network are not those of {compared['file']}, so it is "
            "not read as its framework means it",
            "`ultralif match` finds the options that give every spike",
        ),
    )
