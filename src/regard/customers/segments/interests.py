"""Interests: the words, categories and brands that a customer's items have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from regard.sequences.log import Log
from regard.sequences.ragged import Ragged
from regard.sequences.view import Content

SHARE = 0.1
"""Share of a customer's items that have a word before it counts as an interest: who has seen everything is interested in
nothing, and one item of ten says more than chance.
"""

BLOCK = 20_000
"""Customers at a time; memory only."""


def interests(log: Log, content: Content) -> Ragged:
    """N rows of word codes (places in `content.names`), each word once a customer.

    Args: log: N customers. content: what is known of its V items.

    >>> from regard.sequences.vocabulary import Vocabulary
    >>> log = Log(customers=Vocabulary(["ann"]), items=Vocabulary(["a", "b"]), behaviours=("purchase",),
    ...     offsets=np.array([0, 2]), item=np.array([0, 1], np.int32), behaviour=np.zeros(2, np.int16),
    ...     time=np.zeros(2, np.int64), basket=np.zeros(2, np.int32), quantity=np.ones(2, np.float32),
    ...     value=np.ones(2, np.float32), merchandise=np.ones(2, bool))
    >>> interests(log, Content(("word:lamp", "word:red"), Ragged.of([[0], [0, 1]])))[0].tolist()
    [0, 1]
    """
    features = content.features
    ones = np.ones(len(features.values), dtype=np.float32)
    has = sparse.csr_array((ones, features.values, features.offsets), shape=(len(log.items), len(content.names)))
    rows, offsets = [np.empty(0, dtype=np.int64)], [np.zeros(1, dtype=np.int64)]
    for start in range(0, len(log), BLOCK):
        some = _common(log.take(np.arange(start, min(start + BLOCK, len(log)))), has)
        rows.append(some.indices.astype(np.int64))
        offsets.append(some.indptr[1:].astype(np.int64) + offsets[-1][-1])
    return Ragged(np.concatenate(offsets), np.concatenate(rows))


def _common(log: Log, has: sparse.csr_array) -> sparse.csr_array:
    """0/1 [N, W], words of at least SHARE of each customer's distinct items of merchandise."""
    kept = log.where(np.append(log.merchandise, False)[log.item])
    cells = (np.ones(kept.events, dtype=np.float32), (kept.owner, kept.item))
    met = sparse.csr_array(cells, shape=(len(log), len(log.items)))
    met.sum_duplicates()
    met.data[:] = 1
    count: NDArray[np.float32] = np.asarray(met.sum(axis=1)).ravel()
    words = sparse.csr_array(met @ has)
    owner = np.repeat(np.arange(len(log)), np.diff(words.indptr))
    words.data = (words.data >= SHARE * count[owner]).astype(np.float32)
    words.eliminate_zeros()
    words.sort_indices()
    return words
