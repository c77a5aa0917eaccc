"""Expected spikes of the user beside a deployment or a simulated program."""

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.expected import ExpectedSpikes
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.opening import Opened
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.simulating import timesteps_of
from ultralif_deploy.verify.expected_spikes.comparing import (
    Sides,
    SidesCounter,
    compare_expected,
    compared_content,
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
        """For --json; there is no float network."""
        return compared_content(self.expected, self.samples, self.differing)


def counter_of(opened: Opened, settings: Settings) -> ExpectedCounter | SidesCounter | None:
    """A counter of what differs from the expected spikes of the settings, if there are any.

    Args:
        opened: program to be run, with its data; with a float network beside it, that counts too.
        settings: options as given.

    Raises:
        UltralifError: they do not fit the program or the data, or hold logits alone where no float
            network is there to compare them with.
    """
    if settings.expect is None:
        return None
    limited, samples = settings.limit is not None, len(opened.dataset.test.x)
    path, program, steps = settings.expect, opened.program, opened.encoder.timesteps
    if opened.sides is not None:
        network = opened.sides.network
        expected = expected_of_network(path, network, samples, steps, limited=limited)
        return SidesCounter(expected, opened.sides)
    neurons = {p.name: p.size for p in program.populations if p.spikes}
    steps, classes = timesteps_of(program, opened.encoder), program.readout.size
    expected = read_expected(path, Shapes(neurons, classes, samples, steps, limited))
    if not expected.spikes:
        raise UltralifError(
            f"{path}: logits alone, which integers have in another unit; expected spikes, or the "
            "float network itself in place of the program"
        )
    return ExpectedCounter(expected)
