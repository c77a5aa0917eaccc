"""Sums over the parts of a data set, which are added up in the order of the samples."""

from dataclasses import dataclass, field

import numpy as np

from ultralif_deploy.verify.spikes_kept import SpikesKept


@dataclass(slots=True)
class Tally:
    """What was counted on some samples.

    Attributes:
        correct: by form of the network, whether its predictions are right, bool [sample] of each
            part.
        predicted: by form, its predictions, int64 [sample] of each part.
        rates: by name, sums of spike rates over samples.
        swept: by factor of ε, number of samples.
        agreeing: by comparison, number of values that agree.
        compared: by comparison, number of values.
        margins: by population, a sample of its margins from each part.
        kept: spikes of the float network and of the program.
    """

    correct: dict[str, list[np.ndarray]] = field(default_factory=dict)
    predicted: dict[str, list[np.ndarray]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    swept: dict[float, int] = field(default_factory=dict)
    agreeing: dict[tuple[str, str], int] = field(default_factory=dict)
    compared: dict[tuple[str, str], int] = field(default_factory=dict)
    margins: dict[str, list[np.ndarray]] = field(default_factory=dict)
    kept: SpikesKept = field(default_factory=SpikesKept)

    def add(self, other: "Tally") -> None:
        """Add what was counted on the samples that follow.

        Sums of floats depend on the order, so parts are added one by one, from first to last.

        Args:
            other: tally of one part.
        """
        for arrays, more in (
            (self.correct, other.correct),
            (self.predicted, other.predicted),
            (self.margins, other.margins),
        ):
            for name, parts in more.items():
                arrays.setdefault(name, []).extend(parts)
        for name, rate in other.rates.items():
            self.rates[name] = self.rates.get(name, 0.0) + rate
        for factor, samples in other.swept.items():
            self.swept[factor] = self.swept.get(factor, 0) + samples
        for sums, found in (
            (self.agreeing, other.agreeing),
            (self.compared, other.compared),
        ):
            for pair, count in found.items():
                sums[pair] = sums.get(pair, 0) + count
        self.kept.join(other.kept)

    def judge(self, form: str, logits: np.ndarray, labels: np.ndarray | None) -> None:
        """Note which samples of a part a form of the network gets right.

        Args:
            form: name of the form.
            logits: its logits [sample, class].
            labels: the right classes [sample]; None where the data has none.
        """
        if labels is not None:
            self.correct[form] = [logits.argmax(axis=1) == labels]

    def agree(self, kind: str, name: str, a: np.ndarray, b: np.ndarray) -> None:
        """Count where two arrays of one shape agree.

        Args:
            kind: the two forms that are compared.
            name: what of them.
            a: values of one form.
            b: values of the other.
        """
        self.agreeing[kind, name] = int(np.count_nonzero(a == b))
        self.compared[kind, name] = a.size

    def agreement(self, kind: str, name: str) -> float:
        """Share of values that agree.

        Args:
            kind: as for `agree`.
            name: as for `agree`.
        """
        return self.agreeing[kind, name] / self.compared[kind, name]
