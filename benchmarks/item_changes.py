"""What it costs to change items of a shop of any size, without training.

The shop is a run's, filled up to the size wanted with items that count as
added before: examples of the catalogue under other ids and mixed titles, with
mixed text vectors, as an earlier `items add` would have left them.
"""

import dataclasses
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf

from benchmarks.text import machine
from components.item_changes import applying
from components.item_changes.changes import Changes
from components.item_index.building import examples_of
from models import new_items
from pipeline.change_items import REPORT_KEY, read_base, run_version
from pipeline.places import local_places
from schema.errors import DataError
from serving.in_process import Recommender
from serving.requests import Request

_SEED = 0
# A new item is found if it is among so many.
_TOP = 10
_PRICE = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      report: Of the run, `report.json`; nothing of the run is changed.
      runs: Folder of all runs.
      preset: The run's.
      items: Items that the shop has before; no fewer than the run's.
      new: Items that are added, then changed, then removed, at least 1.
    """

    report: pathlib.Path
    runs: pathlib.Path
    preset: str
    items: int
    new: int


def bench(options: Options) -> dict:
    """Fills the shop up, changes items by the command line and looks for them.

    Raises:
      DataError: The run has more items than wanted, what it left is gone, or
        a command failed.
    """
    with tempfile.TemporaryDirectory() as name:
        runs = pathlib.Path(name)
        rows = [
            {"item_id": f"new-{row}", "title": title, "price": _PRICE}
            for row, title in enumerate(_fill(options, runs))
        ]
        told = {}
        pushed, told["add"] = _change("add", rows, runs, options.preset)
        found = _found(pushed["path"], rows)
        cheaper = [
            {"item_id": row["item_id"], "price": _PRICE / 2} for row in rows
        ]
        _, told["update"] = _change("update", cheaper, runs, options.preset)
        gone = [{"item_id": row["item_id"]} for row in rows]
        left, told["remove"] = _change("remove", gone, runs, options.preset)
        still = _found(left["path"], rows)
    return {
        "machine": machine(),
        "items": pushed["items"],
        "changed": options.new,
        **told,
        "found_when_added": found,
        "found_when_removed": still,
        "recall": [push["recall"] for push in (pushed, left)],
        "built_recall": pushed["built_recall"],
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def _found(servable: str, rows: list[dict]) -> int:
    """Returns how many items a search for their title finds."""
    recommender = Recommender(servable)
    return sum(
        row["item_id"].encode()
        in recommender.search(Request(query=row["title"]), _TOP)["item_ids"][0]
        for row in rows
    )


def _fill(options: Options, runs: pathlib.Path) -> list[str]:
    """Makes a shop of the size; returns titles for new items."""
    report = json.loads(options.report.read_text(encoding="utf-8"))
    # The shop as the run left it, whatever was added since.
    version = run_version(report)
    report.pop(REPORT_KEY, None)
    of_run = local_places(options.runs, options.preset)
    here = local_places(runs, options.preset)
    target = pathlib.Path(here.metadata_path)
    target.parent.mkdir(parents=True)
    shutil.copyfile(of_run.metadata_path, target)
    base = read_base(target, version)
    ids = base.item_ids()
    if len(ids) > options.items:
        raise DataError(
            f"the run has {len(ids)} items; allowed: --items of at least that"
        )
    count = options.items - len(ids)
    random = np.random.default_rng(_SEED)
    rows = list(examples_of(base.catalogue_split).as_numpy_iterator())
    titles, examples = _mixed(rows, count, options.new, random)
    # Held on to, because its functions do not hold its variables.
    model = new_items.load(base.model_dir)
    vectors = model.text_vectors().numpy()
    first, second = random.integers(0, len(ids), (2, count))
    share = random.random((count, 1), np.float32)
    mixed = share * vectors[first] + (1 - share) * vectors[second]
    home = target.parents[1]
    report["servable"]["version"] = version
    if count:
        added = home / "changes" / "1" / applying.CHANGES
        names = [f"filled-{row}".encode() for row in range(count)]
        Changes({}).plus(names, examples, mixed).write(added)
        report[REPORT_KEY] = {"run_version": version, "path": str(added)}
    latest = home / "latest"
    latest.mkdir()
    (latest / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return titles


def _mixed(rows, count, new, random) -> tuple[list[str], list[bytes]]:
    """Makes titles of halves of two titles, and examples under other ids."""
    parsed = [tf.train.Example.FromString(row) for row in rows]
    halves = [_text(example, "title") for example in parsed]
    pairs = random.integers(0, len(rows), (count + new, 2))
    titles = [
        halves[a][: len(halves[a]) // 2] + halves[b][len(halves[b]) // 2 :]
        for a, b in pairs
    ]
    examples = []
    for row in range(count):
        example = parsed[pairs[row, 0]]
        feature = example.features.feature
        for name, value in (
            ("item_id", f"filled-{row}"),
            ("title", titles[row]),
            ("text", titles[row]),
        ):
            feature[name].bytes_list.value[:] = [value.encode()]
        examples.append(example.SerializeToString())
    return [f"{title} {row}" for row, title in enumerate(titles[count:])], (
        examples
    )


def _text(example, name: str) -> str:
    (value,) = example.features.feature[name].bytes_list.value
    return value.decode()


def _change(
    how: str, rows: list[dict], runs: pathlib.Path, preset: str
) -> tuple[dict, dict]:
    """Runs a command; returns what it says and what it took."""
    file = runs / f"{how}.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    code = (
        "import sys; sys.argv[0] = 'daogou'; from cli.main import main; main()"
    )
    words = ["items", how, str(file), "--runs", str(runs)]
    began, cpu = time.perf_counter(), _children()
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--preset", preset, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    costs = {
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(_children() - cpu, 1),
    }
    if done.returncode:
        raise DataError(f"items {how} failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout), costs


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
