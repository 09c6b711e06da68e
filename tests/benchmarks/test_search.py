"""The hand-written queries mean leaves that the mall has."""

import collections

from benchmarks.search import read_cases
from datasets.mall.catalogue import build_catalogue
from datasets.mall.queries import build_queries
from datasets.mall.settings import MallSettings


def test_cases_name_leaves_and_are_of_every_kind():
    catalogue = build_catalogue(MallSettings())
    leaves = {leaf.category for leaf in catalogue.leaves}
    cases = read_cases()
    assert len({case.query for case in cases}) == 60
    assert not {case.category for case in cases} - leaves
    kinds = collections.Counter(case.kind for case in cases)
    assert set(kinds) == {
        "plain",
        "brand",
        "attribute",
        "traditional",
        "full-width",
        "typo",
        "mixed",
    }
    assert min(kinds.values()) >= 6


def test_typos_are_none_that_the_mall_makes_itself():
    settings = MallSettings()
    made = set(build_queries(settings, build_catalogue(settings)).texts)
    typos = {case.query for case in read_cases() if case.kind == "typo"}
    assert not made & typos
