"""Data sets: the digits that come with the package, and readers for the files of CIFAR-10 and MNIST."""

from handgrad.datasets.cifar10 import cifar10
from handgrad.datasets.digits import digits
from handgrad.datasets.mnist import mnist
from handgrad.datasets.splitting import train_test_split

__all__ = ["cifar10", "digits", "mnist", "train_test_split"]
