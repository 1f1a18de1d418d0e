"""The 1,797 handwritten digits that come with the package."""

import os

import numpy as np
from numpy.typing import NDArray

from handgrad.files.npz import read_npz
from handgrad.files.untrusted import open_untrusted

__all__ = ["digits"]


def digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return 1,797 handwritten digits, 8 × 8 pixels each, and their labels.

    Returns
    -------
    X : (1797, 64) array, float64
        Each row is an image, pixel row by pixel row. A pixel is in [0, 1]: the fraction of a 4 × 4 square that is ink.
    y : (1797,) array, int64
        Labels in [0, 10).

    Raises
    ------
    OSError, ValueError
        If the package's file is missing or damaged.

    Examples
    --------
    >>> from handgrad import datasets
    >>> X, y = datasets.digits()
    >>> X.shape, y[:4]
    ((1797, 64), array([0, 1, 2, 3]))
    >>> for row in X[0].reshape(8, 8):
    ...     print("".join(" .:*#"[int(4 * pixel)] for pixel in row).rstrip())
      .*:
      **:*.
      *  ::
     .*  ::
     .:  ::
     .:  *.
      *.:*
      .*:

    References
    ----------
    E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    https://doi.org/10.24432/C50P49, the test set; CC BY 4.0.
    """
    path = os.path.join(os.path.dirname(__file__), "digits.npz")
    with open_untrusted(path, "is damaged; reinstall handgrad") as file:
        arrays = read_npz(file)
        images, labels = arrays["images"], arrays["labels"]
        if (images.shape, labels.shape) != ((1797, 8, 8), (1797,)) or not images.dtype == labels.dtype == np.uint8:
            got = " and ".join(f"{a.dtype} {a.shape}" for a in (images, labels))
            raise ValueError(f"arrays must be uint8 (1797, 8, 8) and uint8 (1797,), got {got}")
    return images.reshape(-1, 64) / 16.0, labels.astype(np.int64)
