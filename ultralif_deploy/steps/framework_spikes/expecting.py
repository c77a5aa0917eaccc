"""Expected spikes of the user beside a deployment or a simulated program."""

import numpy as np

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.expected import ExpectedSpikes
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.simulating import timesteps_of
from ultralif_deploy.verify.expected_spikes.comparing import (
    Sides,
    compare_expected,
    expected_of_network,
    spikes_record,
)
from ultralif_deploy.verify.expected_spikes.reading import Expected, Shapes, read_expected


def open_expected(source: Deployable, settings: Settings) -> Expected | None:
    """The expected spikes of the settings, if there are any.

    Raises:
        UltralifError: they do not fit the network or the data.
    """
    if settings.expect is None:
        return None
    samples, steps = len(source.data.test.x), source.encoder.timesteps
    limited = settings.limit is not None
    return expected_of_network(settings.expect, source.network, samples, steps, limited=limited)


def beside_expected(
    expected: Expected, sides: Sides, source: Deployable, progress: Progress
) -> ExpectedSpikes:
    """What differs from the expected spikes, in float and in integers.

    Args:
        expected: expected spikes and logits of all samples.
        sides: float network and integer program.
        source: source with the samples and their encoder.
        progress: progress display of the share done.
    """
    x = source.data.test.x
    with progress.stage("expected spikes") as update:
        return compare_expected(expected, sides, x, source.encoder, lambda s: update(s, ""))


class ExpectedCounter:
    """Counts what differs from expected spikes while a program runs, block by block."""

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.differing = dict.fromkeys(expected.spikes, 0)
        self.samples = 0

    def add(self, inputs: np.ndarray, trace: Trace) -> None:
        """Compare the next samples.

        Args:
            inputs: inputs of the run, [time, sample, input].
            trace: trace of the run, with its spikes.
        """
        steps, count = inputs.shape[:2]
        block = slice(self.samples, self.samples + count)
        wanted = {name: s[:steps, block] for name, s in self.expected.spikes.items()}
        for name, differ in spikes_record(wanted, trace)["integer"].items():
            self.differing[name] += differ
        self.samples += count

    def content(self) -> ExpectedSpikes:
        """For --json; the float network did not run."""
        return {
            "file": self.expected.path.name,
            "sha256": self.expected.sha256,
            "samples": self.samples,
            "populations": {
                name: {
                    "spikes": int(spikes.sum(dtype=np.int64)),
                    "float": None,
                    "integer": self.differing[name],
                }
                for name, spikes in self.expected.spikes.items()
            },
            "float_logits": None,
            "first": None,
        }


def counter_of(
    program: Program, dataset: Dataset, encoder: Encoder, settings: Settings
) -> ExpectedCounter | None:
    """A counter of what differs from the expected spikes of the settings, if there are any.

    Args:
        program: program to be run.
        dataset: the samples.
        encoder: encoder of the inputs.
        settings: options as given.

    Raises:
        UltralifError: they do not fit the program or the data, or hold logits alone.
    """
    if settings.expect is None:
        return None
    neurons = {p.name: p.size for p in program.populations if p.spikes}
    samples, steps = len(dataset.test.x), timesteps_of(program, encoder)
    limited, classes = settings.limit is not None, program.readout.size
    expected = read_expected(settings.expect, Shapes(neurons, classes, samples, steps, limited))
    if not expected.spikes:
        raise UltralifError(
            f"{settings.expect}: logits alone, which integers have in another unit; expected spikes"
        )
    return ExpectedCounter(expected)
