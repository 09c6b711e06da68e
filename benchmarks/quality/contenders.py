"""Who takes part: Daogou's models and its peers, with their settings."""

import dataclasses
import types
import typing
from collections.abc import Callable

from benchmarks.quality import choosing, classic, peers
from benchmarks.quality.sequences import Fit, Sequences
from schema.settings import SettingsError

# One environment for all that needs PyTorch: it takes 6 GB of disk.
TORCH_PEERS = ("rectools[torch]==0.19.0", "recbole==1.2.1", "torch==2.15.0")
IMPLICIT = ("implicit==0.7.3", "numpy==2.4.6", "scipy==1.17.1")
# Factors, regularisation and weight of what was chosen, along the ridge that
# Rendle et al. 2022, "Revisiting the performance of iALS", climb.
_IALS = (
    (128, 0.1, 10.0),
    (256, 1.0, 40.0),
    (256, 3.0, 100.0),
    (512, 1.0, 40.0),
)
_SASREC: peers.Settings = {
    "layers": "sasrec",
    "factors": 128,
    "blocks": 2,
    "heads": 2,
    "dropout": 0.5,
    "max_history": 50,
    "loss": "softmax",
    "learning_rate": 0.001,
    "batch": 128,
    "epochs": 200,
    "patience": 10,
}
# As its authors chose for Beauty: arXiv 2508.06450, hyperparameters in the
# README of blondered/transformer_benchmark.
_ESASREC: peers.Settings = {
    "layers": "ligr",
    "ff_multiplier": 4,
    "factors": 64,
    "blocks": 1,
    "heads": 1,
    "dropout": 0.2,
    "max_history": 50,
    "loss": "sampled_softmax",
    "negatives": 256,
    "learning_rate": 0.001,
    "batch": 128,
    "epochs": 200,
    "patience": 50,
}
_RECBOLE: peers.Settings = {
    "factors": 64,
    "learning_rate": 0.001,
    "batch": 2048,
    "epochs": 500,
    "patience": 25,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """A model that takes part.

    Attributes:
      name: On the command line and in the results.
      title: In the table.
      fit: What learns.
      settings: What its result depends on, beside data and seed.
      seeded: Whether it draws anything, so that more than one seed tells more.
      ours: Whether it is Daogou's.
      needs_attributes: Whether it takes part only where items have some.
    """

    name: str
    title: str
    fit: Fit
    settings: Callable[[], peers.Settings]
    seeded: bool = True
    ours: bool = False
    needs_attributes: bool = False


def chosen(names: typing.Sequence[str], data: Sequences) -> list[Contender]:
    """Returns the contenders of some names.

    Args:
      names: In any order; all that the data allow where empty.
      data: The sequences.

    Raises:
      SettingsError: A name is not known, or its model needs attributes that
        the data do not have.
    """
    known = {contender.name: contender for contender in ALL}
    if not names:
        return [
            contender
            for contender in ALL
            if data.attributes is not None or not contender.needs_attributes
        ]
    for name in names:
        if name not in known:
            raise SettingsError(
                f"there is no model {name!r}; allowed: {', '.join(known)}"
            )
        if known[name].needs_attributes and data.attributes is None:
            raise SettingsError(
                f"model {name!r} needs attributes of the items, which these "
                "sequences do not have"
            )
    return [contender for contender in ALL if contender.name in names]


def _peer(
    name: str,
    title: str,
    script: str,
    requirements: tuple[str, ...],
    *choices: peers.Settings,
) -> Contender:
    settings = {"requirements": requirements, "choices": choices}
    return Contender(
        name=name,
        title=title,
        fit=peers.fit_of(script, requirements, choices),
        settings=lambda: settings,
    )


def _classic(
    name: str, title: str, fit: Fit, settings: peers.Settings
) -> Contender:
    return Contender(
        name=name,
        title=title,
        fit=fit,
        settings=lambda: {
            **settings,
            "choosing_users": choosing.CHOOSING_USERS,
        },
        seeded=False,
    )


def _own(name: str, title: str, *, attributes: bool) -> Contender:
    def fit(data, *, seed, log_dir):
        return _ours().fit(
            data, seed=seed, attributes=attributes, log_dir=log_dir
        )

    return Contender(
        name=name,
        title=title,
        fit=fit,
        settings=lambda: _ours().settings(attributes=attributes),
        ours=True,
        needs_attributes=attributes,
    )


def _ours() -> types.ModuleType:
    # Loads TensorFlow, which only Daogou's own models need.
    from benchmarks.quality import ours

    return ours


ALL = (
    _own("daogou", "Daogou, ids alone", attributes=False),
    _own("daogou-attributes", "Daogou, with attributes", attributes=True),
    _classic("popularity", "popularity", classic.popularity, {}),
    _classic(
        "item-knn",
        "item-kNN",
        classic.item_knn,
        {
            "shrink": classic.SHRINK,
            "neighbours": classic.NEIGHBOURS,
            "half_life_steps": classic.HALF_LIFE_STEPS,
        },
    ),
    _classic(
        "ease",
        "EASE^R",
        classic.ease,
        {"penalties": classic.PENALTIES},
    ),
    _peer(
        "ials",
        "iALS (implicit)",
        "implicit_peer.py",
        IMPLICIT,
        *(
            {
                "factors": factors,
                "regularization": regularization,
                "alpha": alpha,
                "iterations": 15,
            }
            for factors, regularization, alpha in _IALS
        ),
    ),
    _peer(
        "bpr",
        "BPR (RecBole)",
        "recbole_peer.py",
        TORCH_PEERS,
        {"model": "BPR", **_RECBOLE},
    ),
    _peer(
        "lightgcn",
        "LightGCN (RecBole)",
        "recbole_peer.py",
        TORCH_PEERS,
        {"model": "LightGCN", **_RECBOLE},
    ),
    _peer(
        "sasrec",
        "SASRec (RecTools)",
        "rectools_peer.py",
        TORCH_PEERS,
        _SASREC,
    ),
    _peer(
        "esasrec",
        "eSASRec (RecTools)",
        "rectools_peer.py",
        TORCH_PEERS,
        _ESASREC,
    ),
)
