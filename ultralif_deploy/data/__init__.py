"""Data sets: the embedded digits and any .npz of images or spikes."""

from ultralif_deploy.data.loading import Dataset, Split, load_dataset

__all__ = ["Dataset", "Split", "load_dataset"]
