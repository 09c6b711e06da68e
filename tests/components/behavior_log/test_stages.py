"""DoFns travel to workers in other processes, and carry little."""

import subprocess
import sys

import pytest
from apache_beam.internal import pickler

from components.behavior_log import stages
from components.behavior_log.settings import BehaviorLogSettings
from components.catalogue.pipeline import CleanFile, WriteShard
from components.catalogue.settings import CatalogueSettings

WORK = stages.Work("/nowhere")
SETTINGS = BehaviorLogSettings()
DO_FNS = (
    CleanFile("/nowhere", CatalogueSettings()),
    WriteShard("/nowhere", "/nowhere", 4, ["items.parquet"]),
    stages.ReadItemIds(),
    stages.WriteItemIds(WORK),
    stages.CleanEvents(WORK, SETTINGS, b"key"),
    stages.CleanUsers(WORK, SETTINGS, b"key"),
    stages.PrepareShard(WORK, SETTINGS),
    stages.MakeExamples(WORK, "/nowhere", SETTINGS, 5, True),
)


@pytest.mark.parametrize("do_fn", DO_FNS, ids=lambda f: type(f).__name__)
def test_do_fns_pickle_small_and_come_back_whole(do_fn):
    pickled = pickler.dumps(do_fn)
    assert len(pickled) < 10_000
    back = pickler.loads(pickled)
    assert type(back).__name__ == type(do_fn).__name__
    assert vars(back) == vars(do_fn)


def test_do_fns_load_in_a_fresh_process():
    pickled = [pickler.dumps(do_fn).hex() for do_fn in DO_FNS]
    code = (
        "import sys; from apache_beam.internal import pickler; "
        "names = [type(pickler.loads(bytes.fromhex(a))).__name__ "
        "for a in sys.argv[1:]]; print(*names)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, *pickled],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.split() == [type(do_fn).__name__ for do_fn in DO_FNS]
