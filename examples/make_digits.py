"""Make ultralif_deploy/data/digits.npz from scikit-learn's digits (needs scikit-learn).

1797 real handwritten digits of 8×8 pixels with 17 grey levels, scaled to 0…255 and split by a
seeded permutation into 1347 for training and 450 for testing.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

PACKAGED = Path(__file__).parent.parent / "ultralif_deploy" / "data" / "digits.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=PACKAGED)
    path = parser.parse_args().output
    digits = load_digits()
    pixels = np.rint(digits.images * 255 / 16).astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(labels))
    train, test = order[:1347], order[1347:]
    np.savez_compressed(
        path,
        x_train=pixels[train],
        y_train=labels[train],
        x_test=pixels[test],
        y_test=labels[test],
    )
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
