"""Points that a seeded search chooses one round after another, each by what earlier ones gave."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.schema.studies.sweep import SweptPoint
from ultralif_deploy.sweeps.points import Values, checked_axes, point_name
from ultralif_deploy.sweeps.rows import costs, deciding_device

ROUND = 8
"""Points of a round. They are chosen together, so that no choice depends on which ends first."""

REPEATS = 20
"""Times in a row that points may be proposed again before one is drawn at random."""


class Search:
    """A tree-structured Parzen estimator over the values of some options.

    It looks for high accuracy, low energy and little memory at once. The choice depends on the
    seed and on the results alone, not on the number of workers.

    Args:
        vary: values of every option that varies, by name.
        number: points to choose in all, at most those of the grid.
        seed: seed of the choice.

    Raises:
        UltralifError: axes that `grid` refuses too, or fewer than one point.
        Missing: Optuna is not installed.

    Source: Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011; for several
    objectives Ozaki et al., Multiobjective Tree-Structured Parzen Estimator, 2022; both as Optuna
    implements them.
    """

    def __init__(self, vary: Mapping[str, Sequence[Any]], number: int, seed: int) -> None:
        checked_axes(vary)
        if number < 1:
            raise UltralifError(f"a search over {number} points; expected at least 1")
        try:
            import optuna
        except ImportError:
            raise Missing("Optuna", "pip install 'ultralif-deploy[optuna]'") from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.vary = {name: _ordered(values) for name, values in vary.items()}
        self.random = random.Random(seed)
        self.number = min(number, math.prod(map(len, vary.values())))
        self.study = optuna.create_study(
            directions=["minimize"] * 3,
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=ROUND),
        )
        self.axes: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.IntDistribution(0, len(values) - 1)
            if _numeric(values)
            else optuna.distributions.CategoricalDistribution(tuple(range(len(values))))
            for name, values in self.vary.items()
        }
        self.chosen: dict[str, Values] = {}
        self.asked: dict[str, list[int]] = {}  # trials of this round by the name of their point

    def next(self, points: Mapping[str, SweptPoint]) -> dict[str, Values]:
        """The points of the next round; none if all have been chosen.

        Args:
            points: all points that were deployed until now, by name; those chosen before and not
                here could not be deployed.

        Raises:
            UltralifError: samples without labels, whose accuracy nobody knows.
        """
        self._tell(points)
        found: dict[str, Values] = {}
        most = min(ROUND, self.number - len(self.chosen))
        repeats = 0
        while len(found) < most:
            if repeats >= REPEATS:
                self.study.enqueue_trial(self._unseen())
            trial = self.study.ask(self.axes)
            values = {name: self.vary[name][i] for name, i in trial.params.items()}
            name = point_name(values)
            self.asked.setdefault(name, []).append(trial.number)
            repeats += 1
            if name not in self.chosen:
                self.chosen[name] = found[name] = values
                repeats = 0
        return found

    def _tell(self, points: Mapping[str, SweptPoint]) -> None:
        """Take over what the points of a round gave."""
        import optuna

        for name, trials in self.asked.items():
            point = points.get(name)
            if point is not None and point["accuracy"] is None:
                raise UltralifError(
                    "a search compares accuracies, and the samples have no labels; expected "
                    "labels, or a grid without --search"
                )
            for trial in trials:
                if point is None:
                    self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
                else:
                    self.study.tell(trial, costs(point, deciding_device({name: point})))
        self.asked.clear()

    def _unseen(self) -> dict[str, int]:
        """A point that has not been chosen, at random; each is as likely as any other."""
        while True:
            drawn = {name: self.random.randrange(len(v)) for name, v in self.vary.items()}
            if point_name({n: self.vary[n][i] for n, i in drawn.items()}) not in self.chosen:
                return drawn


def _numeric(values: Sequence[Any]) -> bool:
    """Whether all values are numbers, of which near ones are likely to do alike."""
    return all(type(value) in (int, float) for value in values)


def _ordered(values: Sequence[Any]) -> list[Any]:
    """Numbers by their size, other values as they are."""
    return sorted(values) if _numeric(values) else list(values)
