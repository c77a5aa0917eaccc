"""The settings that the user gives, as options or from Python."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.spike_format import SpikeBits, spike_bits_text

CONVENTIONS = (
    *("dt", "reset", "discretization", "fires", "synapse", "read_out"),
    *("max_spikes", "min_membrane", "output_node", "like"),
)
"""Settings that only NIR files of other tools need."""

COMPUTE_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,2})?|mps")
"""Names of devices on which torch computes."""

NO_SOFT_NETWORK = "only soft networks compute with torch on a device"
"""Why `device` is refused for others."""

BINNING = ("bin", "sensor", "polarity")
"""Settings that only recordings of events need."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options as given; None takes the value from the file, the file's name or the default.

    Attributes:
        data: `digits`, a file, a folder, or what else `load_dataset` takes.
        backbone: float network in front, whose features are the inputs: an ONNX file, a torch
            module, or the name of the part of the module that is deployed.
        bin: milliseconds of a frame, for recordings of events.
        sensor: width and height of the sensor, as `34x34`, for recordings of events.
        polarity: both, merged, on or off, for recordings of events.
        normalize: one of `NORMALIZATIONS` in `cli/options.py`, or numbers: the means of all
            channels, then their standard deviations.
        encoding: rate, constant or events.
        gain: spike probability of a pixel of 1 in the rate encoding.
        timesteps: T, the number of timesteps of one inference.
        theta: firing threshold θ.
        tau: decay, for neurons that do not learn it.
        neuron: the name of the neuron in the authors' code.
        skip: whether there are residual connections.
        stateless: whether the membrane is reset at every timestep, in convolutional networks.
        input_side: height and width of the images that a convolutional network takes.
        membrane: `soft` or `hard`, for UltraLIF kinds.
        spike_bits: bits of the spikes of hidden neurons, 1 to 4, for all populations or for each
            by name; 1 is a step function. `auto` chooses on training samples, in `deploy` and
            `quantize`.
        table: number of entries of the correction table of a soft membrane.
        seed: seed of the random spikes of the inputs.
        limit: use the first N test samples.
        split: `test`, or `validation`: the validation split of the data takes the place of the test
            samples; without one, the last fifth of the training samples does, which then takes no
            part in training and calibration. None is `test`.
        state_bits: bits of the state words of second-order neurons.
        coefficient_bits: fraction bits of their coefficients.
        dt: seconds of a timestep, for NIR files of other tools.
        reset: a key of `resets.RESETS`, for NIR files of other tools.
        discretization: euler or exponential, for NIR files of other tools.
        fires: above or at the threshold, for NIR files of other tools.
        synapse: current, pulse or decaying-pulse, for NIR files of other tools.
        read_out: spikes or membrane, for NIR files of other tools.
        max_spikes: most spikes of a neuron in one timestep, for NIR files of other tools.
        min_membrane: lower bound of membranes, for NIR files of other tools.
        output_node: the Output node that is read, for NIR files of other tools with several.
        like: the framework whose defaults answer what they leave open, for NIR files of other
            tools.
        expect: .npz of spikes and logits that the user's framework computed for the data.
        decay_bits: fraction bits of leaky models' decays; None is as many as they need.
        device: where torch computes the soft network: `cpu`, `cuda`, `cuda:N` or `mps`. None is
            `cpu`.
        strict: refuse to guess what changes the result.

    Raises:
        UltralifError: `device` is no such name.
    """

    data: Any = None
    backbone: Any = None
    bin: float | None = None
    sensor: str | None = None
    polarity: str | None = None
    normalize: str | None = None
    encoding: str | None = None
    gain: float | None = None
    timesteps: int | None = None
    theta: float | None = None
    tau: float | None = None
    neuron: str | None = None
    skip: bool | None = None
    stateless: bool | None = None
    input_side: int | None = None
    membrane: str | None = None
    spike_bits: SpikeBits | Literal["auto"] | None = None
    table: int | None = None
    seed: int | None = None
    limit: int | None = None
    split: Literal["test", "validation"] | None = None
    state_bits: int | None = None
    coefficient_bits: int | None = None
    dt: float | None = None
    reset: str | None = None
    discretization: str | None = None
    fires: str | None = None
    synapse: str | None = None
    read_out: str | None = None
    max_spikes: int | None = None
    min_membrane: float | None = None
    output_node: str | None = None
    like: str | None = None
    expect: Path | None = None
    decay_bits: int | None = None
    device: str | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        if self.device is not None and not COMPUTE_DEVICE.fullmatch(str(self.device)):
            raise UltralifError(
                f"{typed('device', self.device)}: expected cpu, cuda, cuda:N or mps, on which "
                "torch computes; --energy-device takes the devices whose energy is estimated"
            )


def with_data(settings: Settings | None, data: Any) -> Settings:
    """The settings with the data set that stands beside them.

    Args:
        settings: options as given; None where nothing was given.
        data: the data set; None where the settings name it.

    Raises:
        UltralifError: both name a data set.
    """
    settings = settings or Settings()
    if data is None:
        return settings
    if settings.data is not None:
        raise UltralifError("data: the settings name a data set too; expected it in one place")
    return replace(settings, data=data)


def refuse_settings(settings: Settings, names: tuple[str, ...], why: str) -> None:
    """Refuse settings that have no meaning for a file.

    Args:
        settings: options as given.
        names: fields of `Settings` without a meaning for the file.
        why: the reason, at the end of the error message.

    Raises:
        UltralifError: one of these settings was given.
    """
    for name in names:
        value = getattr(settings, name)
        if value is not None and value is not False:
            raise UltralifError(f"{typed(name, value)}: {why}")


def typed(name: str, value: Any) -> str:
    """A setting as on the command line: `--spike-bits neuron1=3,neuron2=1`.

    Args:
        name: a field of `Settings`.
        value: its value.
    """
    shown = spike_bits_text(value) if name == "spike_bits" else value
    return f"--{name.replace('_', '-')} {shown}"
