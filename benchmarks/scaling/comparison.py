"""Measures all stages at three sizes each, one process after the other."""

import dataclasses
import os
import pathlib
import tempfile
import time
from collections.abc import Callable

from benchmarks.scaling import fit, stages
from benchmarks.scaling.at_scale import computed
from benchmarks.scaling.measuring import Processes
from benchmarks.text import machine


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      names: Of the stages; all if empty.
      rounds: Of each stage at each size, at most; at least 1.
      seconds: After which a stage has no further round.
      share: Of the sizes in `stages.STAGES`; above 0.
      folder: Where the stages' files lie meanwhile, 1 GB at most.
      kept: Rows of stages that were measured before; those of stages that are
        measured now are left out.
    """

    names: tuple[str, ...] = ()
    rounds: int = 3
    seconds: float = 10.0
    share: float = 1.0
    folder: pathlib.Path | None = None
    kept: tuple[dict, ...] = ()


def bench(options: Options, say: Callable[[str], None]) -> dict:
    """Measures the stages.

    Args:
      options: What is measured.
      say: Told of each size what it cost, as soon as it is done.

    Returns:
      `stages`, a row each: `sizes`, the costs at each (`measured`), the
      `exponent` of processor time, and what one more costs (`per_unit`:
      `cpu_seconds`, `bytes`); `computed`, what follows for 100 million
      users and items (`at_scale`); `seconds`, `machine`, `load_average`.

    Raises:
      StageError: A stage ended with an error.
    """
    begun = time.monotonic()
    before = os.getloadavg()
    rows = {row["name"]: row for row in options.kept}
    processes = Processes(options.rounds, options.seconds)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for stage in stages.by_names(options.names):
            sizes = [max(1, round(n * options.share)) for n in stage.sizes]
            rows[stage.name] = _of_stage(
                stage, sizes, pathlib.Path(name), processes, say
            )
    ordered = [rows[s.name] for s in stages.STAGES if s.name in rows]
    return {
        "machine": machine(),
        "load_average": [round(before[0], 1), round(os.getloadavg()[0], 1)],
        "seconds": round(time.monotonic() - begun),
        "share": options.share,
        "stages": ordered,
        "computed": computed(ordered),
    }


def _of_stage(stage, sizes, root, processes, say):
    found = []
    for size in sizes:
        folder = root / (stage.folder or stage.name) / str(size)
        folder.mkdir(parents=True, exist_ok=True)
        found.append(processes.measure(stage, size, folder))
        say(
            f"{stage.name}, {size:,} {stage.grows}: "
            f"{found[-1]['cpu_seconds']:.3f} s of processor time, "
            f"{found[-1]['peak_mb']:,.0f} MB"
        )
    return {
        "name": stage.name,
        "about": stage.about,
        "grows": stage.grows,
        "sizes": sizes,
        "measured": found,
        **fit.fitted(sizes, found),
    }
