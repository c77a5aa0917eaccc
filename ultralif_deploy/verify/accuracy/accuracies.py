"""Accuracies of every form of the network, and the paired gap between two of them."""

import numpy as np

from ultralif_deploy.schema.measured import Accuracy
from ultralif_deploy.schema.values import Kind
from ultralif_deploy.verify.accuracy.paired import paired_gap


def accuracies(
    compared: Kind, correct: dict[str, np.ndarray], samples: int, draws: int
) -> Accuracy:
    """Accuracies for the report; nothing is allowed or stated in a file yet.

    Args:
        compared: what the integers are compared with.
        correct: by form, whether its predictions are right, bool [draw · sample]: `soft` (also for
            the float network), `naive`, `hard` and `integer`; empty where there are no labels.
        samples: number of samples.
        draws: draws of the input spikes of each sample.
    """
    accuracy: Accuracy = {
        "compared": compared,
        "soft": None,
        "hard_naive": None,
        "hard": None,
        "integer": None,
        "integer_first_draw": None,
        "gap_soft_integer": None,
        "gap_ci95": None,
        "mcnemar_p": None,
        "max_gap": None,
        "file": None,
    }
    if not correct:
        return accuracy
    gap = paired_gap(correct["soft"], correct["integer"], draws)
    return {
        **accuracy,
        "draws": draws,
        "soft": float(correct["soft"].mean()),
        "hard_naive": float(correct["naive"].mean()),
        "hard": float(correct["hard"].mean()),
        "integer": float(correct["integer"].mean()),
        "integer_first_draw": float(correct["integer"][:samples].mean()),
        "gap_soft_integer": gap.gap,
        "gap_ci95": list(gap.ci95),
        "mcnemar_p": gap.mcnemar_p,
        "only_soft_correct": gap.only_first,
        "only_integer_correct": gap.only_second,
    }
