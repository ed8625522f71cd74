"""Chance by address: every draw is a function of (seed, stream, customer, index), so the order of drawing changes
nothing."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Chance:
    """A family of independent uniform numbers, each found by its address.

    A generator hands out numbers in the order in which it is asked; a shop drawn in chunks of another size would
    then be another shop. Here a number belongs to its address: SplitMix64's finaliser (Steele, Lea and Flood 2014)
    folds the address into 64 bits.

    Args:
        seed: any integer; another seed, another family.

    >>> chance = Chance(7)
    >>> whole = chance.uniform("price", np.arange(4))
    >>> bool((whole[2:] == chance.uniform("price", np.array([2, 3]))).all())
    True
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, stream: str, *address: ArrayLike) -> NDArray[np.float64]:
        """Numbers strictly between 0 and 1, of the broadcast shape of `address` (integers)."""
        digest = hashlib.blake2b(f"{self._seed}:{stream}".encode(), digest_size=8).digest()
        state: NDArray[np.uint64] = np.array(int.from_bytes(digest, "little"), dtype=np.uint64)
        for part in address:
            state = _mix(state ^ _mix(np.asarray(part).astype(np.uint64) + _GOLDEN))
        return ((_mix(state) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

    def normal(self, stream: str, *address: ArrayLike) -> NDArray[np.float64]:
        """Standard normal numbers."""
        return _array(special.ndtri(self.uniform(stream, *address)))

    def exponential(self, stream: str, *address: ArrayLike) -> NDArray[np.float64]:
        """Exponential numbers of mean 1."""
        return -np.log(self.uniform(stream, *address))

    def gamma(self, stream: str, shape: float, *address: ArrayLike) -> NDArray[np.float64]:
        """Gamma numbers of the given shape and scale 1."""
        return _array(special.gammaincinv(shape, self.uniform(stream, *address)))

    def poisson(self, stream: str, mean: float, *address: ArrayLike) -> NDArray[np.int64]:
        """Poisson numbers."""
        top = np.arange(int(mean + 12 * np.sqrt(mean) + 12))
        return np.searchsorted(_array(special.pdtr(top, mean)), self.uniform(stream, *address))


def _array(values: Any) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
