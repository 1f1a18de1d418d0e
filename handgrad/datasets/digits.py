"""The 1,797 handwritten digits that ship inside."""

import os

import numpy as np
from numpy.typing import NDArray

from handgrad.files.npz import read_npz

__all__ = ["digits"]


def digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return 1,797 handwritten digits, 8 × 8 pixels each, and which digits they are.

    Returns
    -------
    X : (1797, 64) array, float64
        A row is an image, its pixels row by row, in [0, 1]: of a 4 × 4 square the share that is ink, in sixteenths.
    y : (1797,) array, int64
        Labels in [0, 10).

    Raises
    ------
    OSError, ValueError
        If the package's file is not there or is damaged.

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
    with open(path, "rb") as file:
        try:
            arrays = read_npz(file)
            images, labels = arrays["images"], arrays["labels"]
            if (images.shape, labels.shape) != ((1797, 8, 8), (1797,)) or not images.dtype == labels.dtype == np.uint8:
                found = " and ".join(f"{a.dtype} {a.shape}" for a in (images, labels))
                raise ValueError(f"it expected uint8 (1797, 8, 8) and uint8 (1797,), found {found}")
        except Exception as error:  # a damaged file makes zipfile and NumPy raise a dozen kinds of them
            raise ValueError(
                f"{path} is damaged; install handgrad anew: {str(error) or type(error).__name__}"
            ) from error
    return images.reshape(-1, 64) / 16.0, labels.astype(np.int64)
