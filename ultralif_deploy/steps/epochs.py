"""Epochs of a long run on the progress bar, and what a stop in the middle says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ultralif_deploy.io.progress import Progress, Update
from ultralif_deploy.soft.training import EpochResult


class EpochBar:
    """What a run's epochs and batches do to the bar.

    Args:
        update: of the bar.
        epochs: of the run.
        done: epochs that an earlier run finished.
    """

    def __init__(self, update: Update, epochs: int, done: int) -> None:
        self._update, self._epochs, self._done, self._text = update, epochs, done, ""

    def epoch(self, result: EpochResult) -> None:
        """After an epoch."""
        self._done = result.epoch
        self._text = describe_epoch(result, self._epochs)
        self._update(self._done / self._epochs, self._text)

    def batch(self, share: float, loss: float) -> None:
        """After a share of an epoch."""
        del loss
        self._update((self._done + share) / self._epochs, self._text)


@contextmanager
def epoch_bar(
    title: str, progress: Progress, epochs: int, state: Path | None, done: int = 0
) -> Iterator[EpochBar]:
    """A bar for a run; a stop in the middle says where its finished epochs are kept.

    Args:
        title: of the bar.
        progress: shows it.
        epochs: of the run.
        state: file in which finished epochs are kept; None where they are not.
        done: epochs that an earlier run finished.
    """
    with progress.stage(title) as update:
        try:
            yield EpochBar(update, epochs, done)
        except KeyboardInterrupt as stop:
            if state is None or not state.exists():
                raise
            raise KeyboardInterrupt(
                f"finished epochs are kept in {state}; the same command goes on"
            ) from stop


def describe_epoch(result: EpochResult, epochs: int) -> str:
    """One line of figures."""
    return (
        f"epoch {result.epoch}/{epochs}  loss {result.loss:.3f}  ε {result.epsilon:.3f}  "
        f"soft {100 * result.soft_accuracy:.1f} %  hard {100 * result.hard_accuracy:.1f} %  "
        f"spike rate {result.spike_rate:.3f}"
    )
