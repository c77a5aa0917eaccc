"""Which training samples scales and integers are chosen from."""

import numpy as np
import pytest

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.network.network import Input, Network, Population, dense
from ultralif_deploy.network.neurons import Integrator
from ultralif_deploy.quantization import calibration
from ultralif_deploy.quantization.calibration import calibration_values


@pytest.mark.parametrize(
    ("values", "samples"), [(1 << 24, 2000), (9 * 2 * 700, 700), (9 * 2 * 500 - 1, 500)]
)
def test_wide_networks_are_quantized_from_fewer_samples(
    values: int, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "MOST_VALUES", values)
    readout = Population("out", 9, Integrator(), np.zeros(9))
    network = Network(Input(4), (readout,), (dense("input", "out", np.ones((9, 4))),), 2, 1)
    train = Split(np.zeros((2100, 4), dtype=np.uint8), None)
    encoder = Encoder("constant", 2)
    assert calibration_values(train, encoder, network).shape == (2, samples, 4)
    assert calibration_values(train, encoder).shape == (2, 500, 4)
