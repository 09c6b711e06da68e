import numpy as np
import pytest
import tensorflow as tf

from applications.churn import learning
from applications.churn.settings import ChurnSettings
from applications.churn.vectors import DIRECTIONS, QueryVectors
from models.requests import request_spec
from schema.errors import DataError
from tests.shop_tables import at, read, write
from tests.small_shop import SmallModel

ITEMS = [{"item_id": f"i{n}", "title": "鼠标"} for n in range(9)]
SETTINGS = ChurnSettings(days=2, look_back_days=4)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    random = np.random.default_rng(0)
    events = [
        {
            "user_id": f"u{user:02}",
            "timestamp": at(day + 0.5),
            "event_type": "click",
            "item_id": f"i{random.integers(9)}",
        }
        for user in range(30)
        for day in range(16)
        if random.random() < (user % 3 + 1) / 4
    ]
    folder = tmp_path_factory.mktemp("tables")
    return read(write(folder, events=events, items=ITEMS))


@pytest.fixture(scope="module")
def servable(tmp_path_factory):
    """The towers of the small shop behind the signature of the servable."""
    model = SmallModel()
    names = sorted(request_spec())

    @tf.function(
        input_signature=[request_spec()[name] for name in names],
        autograph=False,
    )
    def embed_query(*inputs):
        request = dict(zip(names, inputs, strict=True))
        return {"vectors": model.query_vectors(request)}

    model.embed_query = embed_query
    folder = tmp_path_factory.mktemp("servable")
    tf.saved_model.save(
        model, str(folder), signatures={"embed_query": embed_query}
    )
    return folder, model


def _vectors(servable, until):
    return QueryVectors(servable[0], learned_until=until, max_history=50)


def test_a_vector_is_of_the_history_as_it_was(log, servable):
    past = log.before(at(5))
    found = _vectors(servable, at(1)).at(past, at(5))
    model = servable[1]
    for row in (0, 7, past.num_users - 1):
        mine = past.events.item[past.events.user == row]
        titles = past.items["item_id"].take(mine).to_pylist()
        steps = model.vectors.numpy()[model.lookup(titles).numpy()]
        # Clicks on one item on several days are steps of their own.
        np.testing.assert_allclose(found[row], steps.mean(0), atol=1e-5)


def test_vectors_that_know_the_future_are_refused(log, servable):
    assert learning.usable(at(4), log, SETTINGS, None)
    late = learning.problem_of(log, SETTINGS).cuts.training[-1] + 1
    assert not learning.usable(late, log, SETTINGS, None)
    with pytest.raises(DataError, match="know the future"):
        learning.problem_of(log, SETTINGS, vectors=_vectors(servable, late))


def test_vectors_are_one_driver(log, servable):
    problem = learning.problem_of(
        log, SETTINGS, vectors=_vectors(servable, at(1))
    )
    columns = [n for n in problem.training.columns if n.startswith("vector_")]
    assert len(columns) == DIRECTIONS
    drivers = problem.model().drivers(problem.asked)
    assert drivers.names.count("interest") == 1
    assert not any(name.startswith("vector_") for name in drivers.names)


def test_what_is_no_servable_is_named(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)):
        QueryVectors(tmp_path, learned_until=0, max_history=5)
