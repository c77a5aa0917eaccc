"""Deployable: what the user wants to deploy, wherever it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.findings.assumptions import Assumptions
from ultralif_deploy.network.network import Network
from ultralif_deploy.program.delays import Delay
from ultralif_deploy.quantization.correction_table import DEFAULT_ENTRIES
from ultralif_deploy.quantization.second_order import WordLengths
from ultralif_deploy.schema.commands import CheckpointContent, NetworkContent
from ultralif_deploy.schema.training import TrainedEpoch
from ultralif_deploy.sources.inputs import required

if TYPE_CHECKING:
    from ultralif_deploy.soft.network import SoftNetwork


@dataclass(frozen=True, slots=True)
class Deployable:
    """A network with the data and the encoder that belong to it.

    Attributes:
        path: the file, or the name of what was given from Python.
        soft: the soft network, on the device that computes it; None if the network was trained with
            hard spikes.
        network: the hard limit of `soft`, or the hard network of the file; float64.
        dataset: the samples, the test split cut to the limit; None without data.
        encoder: encoder that turns samples into inputs.
        assumptions: all settings with their origins.
        input_maximum: largest integer input that the program must accept.
        description: the content of the file as plain values, for `inspect`.
        architecture: name of the architecture; None if the file does not tell it.
        record: plain values that the training stored in the file.
        lengths: word lengths of second-order neurons, in bits.
        table: number of entries of each correction table of a soft membrane.
        decay_bits: fraction bits of the decays of leaky models; None is as many as they need.
        delays: the delays of connections as the file states them.
        trajectory: figures of every epoch of the training; empty if the file has none.
    """

    path: Path
    soft: "SoftNetwork | None"
    network: Network
    dataset: Dataset | None
    encoder: Encoder
    assumptions: Assumptions
    input_maximum: int
    description: CheckpointContent | NetworkContent
    architecture: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    lengths: WordLengths = field(default_factory=WordLengths)
    table: int = DEFAULT_ENTRIES
    decay_bits: int | None = None
    delays: tuple[Delay, ...] = ()
    trajectory: tuple[TrainedEpoch, ...] = ()

    @property
    def data(self) -> Dataset:
        """The data set.

        Raises:
            UltralifError: none was given.
        """
        return required(self.dataset)

    def require_soft(self) -> "SoftNetwork":
        """The soft network.

        Raises:
            UltralifError: the network was trained with hard spikes.
        """
        if self.soft is None:
            raise UltralifError(
                f"{self.path}: {self.architecture or 'the network'} has hard spikes already, "
                "so there is nothing to anneal; use quantize or verify"
            )
        return self.soft
