"""Ours beside peers that learn from the same rows and are asked the same.

Peers run in an environment of their own. LightGBM gets every column that ours
gets; the others are what a team without a model would use.
"""

import json
import pathlib
import subprocess
import tempfile

import numpy as np

from applications.churn import quality
from applications.churn.features import Table
from applications.churn.learning import Problem
from applications.churn.settings import DAY, ChurnSettings
from applications.churn.words import Feature
from applications.figures import OURS, Figure, SystemFigures
from applications.shop_log import ShopLog
from benchmarks import environments
from benchmarks.quality.peers import PeerError

REQUIREMENTS = (
    "lightgbm==4.6.0",
    "scikit-learn==1.7.2",
    "scipy==1.16.3",
    "numpy==2.3.5",
)
RIVAL = "LightGBM"
_LOWER_IS_BETTER = ("log_loss", "calibration_error")
_FOLDS = 3
_TAIL_LINES = 5


def run(log: ShopLog, problem: Problem, settings: ChurnSettings) -> dict:
    """Trains all and compares them on the later cuts.

    Args:
      log: Where the problem comes from.
      problem: With `lost` of those who are asked.
      settings: The cuts.

    Returns:
      `models`: AUC, log loss, calibration error and lift of the top tenth, by
      name; `leads`: our AUC beyond each other's, with a 95 % interval by
      bootstrap over users; `drivers`: mean size of each driver's
      contribution; what was asked of whom.
    """
    asked = problem.asked
    if asked.lost is None or problem.training.lost is None:
        raise ValueError("a table of the problem has no lost, as is needed")
    model = problem.model()
    drivers = model.drivers(asked)
    chances = {OURS: drivers.chances}
    found, about = _ask_peers(problem)
    chances |= found
    training_rate = float(np.mean(problem.training.lost))
    chances["prior"] = np.full(len(asked), training_rate)
    sizes = np.abs(drivers.contributions).mean(0)
    return {
        "days": settings.days,
        "look_back_days": settings.look_back // DAY,
        "cuts": {
            "training": list(problem.cuts.training),
            "evaluated": list(problem.cuts.asked),
        },
        "users": {"training": len(problem.training), "evaluated": len(asked)},
        "lost": {"training": training_rate, "evaluated": asked.lost.mean()},
        "returns_within_days": _returns_within(log, settings.days),
        "peers": about,
        "models": {
            name: quality.figures(asked.lost, told)
            for name, told in chances.items()
        },
        "leads": {
            name: quality.auc_lead(asked.lost, chances[OURS], told, asked.users)
            for name, told in found.items()
        },
        "drivers": {
            drivers.names[place]: float(sizes[place])
            for place in np.argsort(-sizes)
        },
    }


def system_figures(result: dict, command: str) -> SystemFigures:
    """Puts the figures into the form of a run's report.

    Args:
      result: Of `run`.
      command: Which measures it again.
    """
    lead = result["leads"][RIVAL]
    low, high = lead["interval"]
    return SystemFigures(
        name="churn",
        title="Churn",
        chinese="流失预警",
        lead=(
            f"Who was active in {result['look_back_days']} days and shows no "
            f"sign of life in the next {result['days']}? "
            f"{result['users']['evaluated']:,} users, "
            f"{result['lost']['evaluated']:.0%} lost. AUC ahead of {RIVAL} by "
            f"{lead['auc']:+.3f} ({low:+.3f} to {high:+.3f}); lift is of the "
            "tenth at the greatest risk."
        ),
        command=command,
        figures=tuple(
            Figure(
                metric=metric.replace("_", " "),
                values={
                    name: told[metric]
                    for name, told in result["models"].items()
                },
                lower_is_better=metric in _LOWER_IS_BETTER,
                column="auc" if metric == "auc" else "",
            )
            for metric in result["models"][OURS]
        ),
    )


def _returns_within(log: ShopLog, days: int) -> float:
    """Share of the pauses of a day and more that end within some days.

    Says whether the window is long enough for people who do come back.
    """
    events = log.events
    same = events.user[1:] == events.user[:-1]
    pauses = np.diff(events.timestamp)[same] / DAY
    pauses = pauses[pauses >= 1]
    return float((pauses <= days).mean()) if len(pauses) else float("nan")


def _ask_peers(problem: Problem):
    """Returns chances of the asked by peer, and what the peers say."""
    features = problem.features
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        fit, asked = _numbers(features, problem.training, problem.asked)
        np.savez(
            folder / "problem.npz",
            fit_x=fit,
            fit_y=np.asarray(problem.training.lost, np.int64),
            fold=_folds(problem.training),
            asked_x=asked,
        )
        columns = [feature.name for feature in features]
        names = [feature.name for feature in features if feature.is_text]
        (folder / "problem.json").write_text(
            json.dumps({"columns": columns, "names": names})
        )
        script = pathlib.Path(__file__).with_name("peers.py")
        done = subprocess.run(
            [environments.python_of(REQUIREMENTS), script, folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = "\n".join(done.stderr.strip().splitlines()[-_TAIL_LINES:])
            raise PeerError(
                f"{script.name} ended with {done.returncode}: {said}"
            )
        about = json.loads((folder / "about.json").read_text())
        return dict(np.load(folder / "predictions.npz")), about


def _folds(table: Table) -> np.ndarray:
    """Returns int64 [rows], in which third each row's user is held out."""
    names, user = np.unique(table.users.astype(str), return_inverse=True)
    return np.random.default_rng(0).integers(0, _FOLDS, len(names))[user]


def _numbers(features: tuple[Feature, ...], *tables: Table):
    """Returns float64 [rows, features] of each; names as numbers from 0."""
    found = []
    for feature in features:
        columns = [table.columns[feature.name] for table in tables]
        if feature.is_text:
            names = sorted(set(columns[0].tolist()) - {""})
            number = {name: n for n, name in enumerate(names)}
            columns = [
                np.array([number.get(v, np.nan) for v in column])
                for column in columns
            ]
        found.append(columns)
    return [np.stack(columns, 1) for columns in zip(*found, strict=True)]
