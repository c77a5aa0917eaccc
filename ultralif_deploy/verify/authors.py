"""Comparison of the figures that a checkpoint holds with the measured ones.

The released code stores the best accuracy of the soft network on its test data, the mean spike
rate s̄ of its layers' outputs, and T·s̄ as a proxy of energy (`models.SoftTrace.output_rate`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ultralif_deploy.findings.findings import Finding

TOLERATED_POINTS = 3.0
"""Difference of two accuracies, in percentage points, above which there is a warning."""


def file_accuracy(record: Mapping[str, Any]) -> float | None:
    """The accuracy that a checkpoint holds, as a fraction; some versions wrote percentages."""
    for key in ("best_acc", "acc"):
        value = record.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 100:
            return float(value if value <= 1 else value / 100)
    return None


def compare_with_file(
    record: Mapping[str, Any], measured: float, samples: int
) -> tuple[Finding, ...]:
    """A warning where a checkpoint's accuracy and the measured one are too far apart to be chance.

    The sampling error is that of two binomial proportions of so many samples, 95 %.

    Args:
        record: content of the checkpoint besides its weights.
        measured: accuracy of the soft network on the test samples, 0 to 1.
        samples: number of test samples.
    """
    stated = file_accuracy(record)
    if stated is None:
        return ()
    spread = sum(p * (1 - p) for p in (stated, measured)) / samples
    apart, error = abs(stated - measured), 1.96 * float(np.sqrt(spread))
    if 100 * apart <= TOLERATED_POINTS or apart <= error:
        return ()
    return (
        Finding(
            "file-accuracy",
            f"the file's own accuracy is {100 * stated:.1f} %, and the soft network reaches "
            f"{100 * measured:.1f} % here, {100 * apart:.1f} points apart",
            "likely causes, the most likely first: --normalize, --neuron, --timesteps, --encoding, "
            "--theta, the order of the samples' axes; or the authors used other test samples",
        ),
    )
