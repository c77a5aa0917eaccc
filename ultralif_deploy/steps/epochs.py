"""Progress bar for the epochs of a long run, and the message when the user stops it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ultralif_deploy.io.progress import Progress, Update
from ultralif_deploy.soft.training import EpochResult


class EpochBar:
    """Updates the progress bar after epochs and batches.

    Args:
        update: function that updates the bar.
        epochs: number of epochs of the run.
        done: epochs that an earlier run finished.
    """

    def __init__(self, update: Update, epochs: int, done: int) -> None:
        self._update, self._epochs, self._done, self._text = update, epochs, done, ""

    def epoch(self, result: EpochResult) -> None:
        """Update the bar after an epoch."""
        self._done = result.epoch
        self._text = describe_epoch(result, self._epochs)
        self._update(self._done / self._epochs, self._text)

    def batch(self, share: float, loss: float) -> None:
        """Update the bar after a share of an epoch."""
        del loss
        self._update((self._done + share) / self._epochs, self._text)


@contextmanager
def epoch_bar(
    title: str, progress: Progress, epochs: int, state: Path | None, done: int = 0
) -> Iterator[EpochBar]:
    """Progress bar for a run; if the user stops it, the message names the file of its epochs.

    Args:
        title: title of the bar.
        progress: progress display that shows the bar.
        epochs: number of epochs of the run.
        state: file in which finished epochs are kept; None if they are not kept.
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
    """One line with the figures of an epoch."""
    return (
        f"epoch {result.epoch}/{epochs}  loss {result.loss:.3f}  ε {result.epsilon:.3f}  "
        f"soft {100 * result.soft_accuracy:.1f} %  hard {100 * result.hard_accuracy:.1f} %  "
        f"spike rate {result.spike_rate:.3f}"
    )
