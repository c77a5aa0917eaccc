"""What a sweep shows while it runs: the state of every point, and figures of finished ones."""

from collections.abc import Iterable, Mapping

from ultralif_deploy.io.progress import Rows, ShowRows
from ultralif_deploy.report.words import joule, percent, points, whole
from ultralif_deploy.schema.studies.sweep import SweptPoint
from ultralif_deploy.sweeps.rows import deciding_device

COLUMNS = ("state", "accuracy", "gap", "energy")

WAITING, RUNNING, DONE, KEPT, REFUSED = "waiting", "running", "done", "kept", "refused"

ORDER = (RUNNING, DONE, KEPT, REFUSED, WAITING)
"""Which points a terminal shows first, where not all of them fit."""


class States:
    """The states of all points.

    Args:
        total: number of points that there will be.
        show: shows the rows.
    """

    def __init__(self, total: int, show: ShowRows) -> None:
        self._total, self._show, self._text = total, show, ""
        self._states: dict[str, str] = {}
        self._points: dict[str, SweptPoint] = {}

    def add(self, names: Iterable[str], kept: Mapping[str, SweptPoint]) -> None:
        """More points.

        Args:
            names: their names.
            kept: those that an earlier run finished.
        """
        for name in names:
            self._states[name] = KEPT if name in kept else WAITING
            if name in kept:
                self._points[name] = kept[name]
        self._changed()

    def begun(self, name: str) -> None:
        """A point that a worker begins with."""
        if self._states[name] in (WAITING, RUNNING):
            self._states[name] = RUNNING
            self._changed()

    def ended(self, name: str, point: SweptPoint | None) -> None:
        """A point that has ended; None is one that is refused."""
        state = REFUSED if point is None else DONE
        del self._states[name]
        self._states = {name: state} | self._states  # the newest first
        if point is not None:
            self._points[name] = point
        self._text = f"{name}: {REFUSED if point is None else percent(point['accuracy'])}"
        self._changed()

    def rows(self) -> Rows:
        """State, accuracy, gap and energy of every point, by name."""
        device = deciding_device(self._points)
        ordered = sorted(self._states.items(), key=lambda one: ORDER.index(one[1]))
        return {name: (state, *_figures(self._points.get(name), device)) for name, state in ordered}

    def _changed(self) -> None:
        ended = sum(state not in (WAITING, RUNNING) for state in self._states.values())
        self._show(ended / self._total, self._text, self.rows())


def _figures(point: SweptPoint | None, device: str | None) -> tuple[str, str, str]:
    """Accuracy, gap and energy in words; empty before the point has ended."""
    if point is None:
        return "", "", ""
    joules = None if device is None else point["joules"][device]
    return (
        percent(point["accuracy"]),
        "–" if point["gap"] is None else points(point["gap"]),
        f"{whole(point['synaptic_operations'])} operations" if joules is None else joule(joules),
    )
