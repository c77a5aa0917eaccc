"""Data sets: the embedded digits, and images or spikes from files, folders and Python."""

from ultralif_deploy.data.loading import load_dataset
from ultralif_deploy.data.splits import Dataset, Split

__all__ = ["Dataset", "Split", "load_dataset"]
