"""The peers by name, and how each is set: as its authors do, but for the shape of the network, which is ours."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, BLOCKS, HEADS = 64, 2, 4
"""Shape of every network, ours included where speed is compared."""

BATCH = 128
"""Customers per step of the peers' networks, their own default."""

GBCE_T = 0.75
"""Calibration of gBCE, as its paper chooses it."""

EPOCHS = 200
"""Most epochs of a network; patience ends nearly all before."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One peer.

    Args:
        name: in results. package: what its Python must have. title: for people.
        loss: of a network; '' for what is no network. negatives: per target, where the loss samples them.
        choices: settings to be chosen from on validation, one a round; a network has none, its rounds are epochs.
        random: whether another seed gives another result.
    """

    name: str
    package: str
    title: str
    loss: str = ""
    negatives: int = 1
    choices: tuple[tuple[tuple[str, float], ...], ...] = ()
    random: bool = True

    @property
    def rounds(self) -> int:
        """Most rounds there are."""
        return len(self.choices) or EPOCHS


def _sasrec(loss: str, title: str, negatives: int = 1) -> Recipe:
    name = f"rectools_sasrec_{loss.lower()}"
    return Recipe(name=name, package="rectools", title=f"RecTools SASRec, {title}", loss=loss, negatives=negatives)


PEERS = {
    "sasrec": _sasrec("softmax", "full softmax"),
    "sasrec_sampled": _sasrec("sampled_softmax", "softmax over 256 negatives", 256),
    "sasrec_gbce": _sasrec("gBCE", "gBCE with 256 negatives", 256),
    "sasrec_bce": _sasrec("BCE", "BCE with one negative"),
    "bert4rec": Recipe(
        name="rectools_bert4rec", package="rectools", title="RecTools BERT4Rec, full softmax", loss="softmax"
    ),
    "ease": Recipe(
        name="rectools_ease", package="rectools", title="RecTools EASE", random=False,
        choices=tuple((("regularization", strength),) for strength in (50.0, 100.0, 250.0, 500.0, 1_000.0)),
    ),
    "als": Recipe(
        name="implicit_als", package="implicit", title="implicit ALS, 128 factors",
        choices=tuple(
            (("alpha", alpha), ("regularization", strength))
            for alpha in (1.0, 10.0, 40.0) for strength in (0.01, 1.0, 10.0)
        ),
    ),
}  # fmt: skip
"""What may be asked for by --peers."""
