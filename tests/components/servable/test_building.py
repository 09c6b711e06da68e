import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from components.servable import building, catalogue
from models.index.allowed import LOWEST
from models.requests import HISTORY_NAMES
from models.serving_graph.inputs import answer_specs, defaults, page_specs
from models.serving_graph.settings import ServableSettings
from schema.errors import DataError
from schema.settings import SettingsError
from serving import signatures as told
from serving.signatures import read as read_signatures
from tests import small_shop

# Ops of TF.Text that TensorFlow Serving links.
TEXT_OPS = {
    "CaseFoldUTF8",
    "FastBertNormalize",
    "FastWordpieceTokenizeWithOffsets",
    "NormalizeUTF8",
    "RegexSplitWithOffsets",
    "SentencepieceOp",
    "SentencepieceTokenizeOp",
    "SentencepieceTokenizeWithOffsetsOp",
    "WordpieceTokenizeWithOffsets",
}
LIMIT = 50
NOT_OF_THE_USER = {*answer_specs(), *page_specs()}
INVALID = tf.errors.InvalidArgumentError


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    # The shop's vectors of hashed characters lie further apart than those of
    # an encoder, so words weigh more beside them.
    small_shop.build_servable(
        folder, exclude_seen=True, retrieve_k=LIMIT, search_words_weight=0.3
    )
    return folder


@pytest.fixture(scope="module")
def signatures(shop):
    return tf.saved_model.load(str(shop / "servable")).signatures


def request(*histories, query="", **more):
    longest = max(map(len, histories))
    padded = [[*h, *[""] * (longest - len(h))] for h in histories]
    batch = len(histories)
    item_ids = np.array(padded, object).reshape(batch, longest)
    sent = {name: tf.fill([batch], "") for name in small_shop_context()}
    sent |= {
        "history_item_ids": tf.constant(item_ids, tf.string),
        "history_event_types": tf.fill([batch, longest], "click"),
        "history_queries": tf.fill([batch, longest], ""),
        "history_timestamps": tf.ones([batch, longest], tf.int64),
        "timestamp": tf.fill([batch], tf.constant(9, tf.int64)),
        "query": tf.fill([batch], query),
        **defaults(answer_specs() | page_specs(), 10),
        "exclude_item_ids": tf.zeros([1, 0], tf.string),
    }
    for name, value in more.items():
        sent[name] = tf.constant(value)
    return sent


def small_shop_context():
    return ("scene", "city", "device", "gender", "age_band", "level")


def ids(answer, row=0):
    return [i.decode() for i in answer["item_ids"].numpy()[row]]


def category(item_id):
    return int(item_id[1:]) % 3


def test_signatures_are_named_and_typed(signatures):
    lists = {"recommend", "search", "similar", "rank"}
    of_examples = {"classify", "regress"}
    embedding = {"embed_query", "embed_item"}
    assert set(signatures) == lists | of_examples | embedding | {"intent"}
    for name in lists:
        signature = signatures[name]
        outputs = signature.structured_outputs
        assert all(spec.shape.rank == 2 for spec in outputs.values()), name
        assert outputs["scores"].dtype == tf.float32
        assert ("p_buy" in outputs) == (name != "similar")
    inputs = signatures["recommend"].structured_input_signature[1]
    # All have rows, or a server could not join requests to batches.
    assert all(spec.shape[:1] == [None] for spec in inputs.values())
    assert inputs["history_timestamps"].dtype == tf.int64


def test_frequent_queries_are_looked_up(shop):
    loaded = tf.saved_model.load(str(shop / "servable"))
    model = tf.saved_model.load(str(shop / "model"))
    kept = [b"", *sorted(word.encode() for word in small_shop.WORDS)]
    np.testing.assert_array_equal(
        loaded.queries._vectors.numpy(), model.encode_queries(kept).numpy()
    )
    found = {}
    for query in ("智能电饭煲", "智能 电饭煲"):
        asked = request(["i3"], query=query)
        before = loaded.signatures["search"](**asked)
        vectors = loaded.queries._vectors.read_value()
        loaded.queries._vectors.assign(-vectors)
        found[query] = ids(before) == ids(loaded.signatures["search"](**asked))
        loaded.queries._vectors.assign(vectors)
    assert found == {"智能电饭煲": False, "智能 电饭煲": True}


def test_every_input_and_output_is_told_of(shop):
    found = {one.name: one for one in read_signatures(shop / "servable")}
    # Campaigns have a servable of their own.
    assert [*found, "campaigns"] == list(told.SIGNATURES)
    for one in found.values():
        assert one.meaning
        for part in (*one.inputs, *one.outputs):
            assert part.meaning, (one.name, part.name)
    needed = {p.name for p in found["search"].inputs if p.required}
    assert needed == {*HISTORY_NAMES, "timestamp", "query"}
    outputs = {part.name: part for part in found["rank"].outputs}
    assert outputs["p_buy"].meaning == "chance of buy"
    assert (outputs["scores"].dtype, outputs["scores"].shape) == (
        "float32",
        [None, None],
    )


def test_defaults_stand_in_the_signature(shop):
    text = (shop / "servable" / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(text).meta_graphs[0]
    recommend = graph.signature_def["recommend"]
    required = set(recommend.inputs) - set(recommend.defaults)
    assert required == {*HISTORY_NAMES, "timestamp"}
    assert recommend.defaults["k"].int_val == [10]
    search = graph.signature_def["search"]
    assert set(search.inputs) - set(search.defaults) == required | {"query"}
    assert set(graph.signature_def["similar"].defaults) == {*answer_specs()}


def test_recommends_the_best_of_the_model(shop, signatures):
    answer = signatures["recommend"](**request(["i1", "i4"], ["i2"]))
    model = tf.saved_model.load(str(shop / "model"))
    asked = {
        name: value
        for name, value in request(["i1", "i4"], ["i2"]).items()
        if name not in NOT_OF_THE_USER
    }
    vectors = model.item_vectors().numpy()
    fit = model.query_vectors(asked).numpy() @ vectors.T
    text = model.encode_queries(asked["query"])
    told = model.retrieve(asked, text)
    found = {n: v.numpy() for n, v in told.items()}
    for row in range(2):
        np.add.at(fit[row], found["neighbours"][row], found["added"][row])
    unseen = model.choices().numpy() == 0
    fit[:, unseen] += found["unseen_offset"][:, np.newaxis]
    assert (found["unseen_offset"] > 0).all()
    sold_out = [int(i[1:]) for i in small_shop.SOLD_OUT]
    fit[:, sold_out] = -np.inf
    fit[0, [1, 4]] = fit[1, 2] = -np.inf
    retrieved = np.argsort(-fit, axis=1)[:, :LIMIT]
    scores = model.rank_scores(
        asked, text, told, tf.constant(retrieved, tf.int32)
    )
    for row in range(2):
        order = np.argsort(-scores["score"].numpy()[row])[:10]
        expected = [f"i{n}" for n in retrieved[row][order]]
        assert ids(answer, row) == expected
        np.testing.assert_allclose(
            answer["p_buy"].numpy()[row],
            scores["p_buy"].numpy()[row][order],
            rtol=1e-5,
        )
    titles = answer["titles"].numpy()[0]
    assert titles[0].decode() == small_shop.TITLES[int(ids(answer)[0][1:])]
    assert answer["prices"].numpy()[0][0] == float(ids(answer)[0][1:])
    assert answer["categories_inferred"].numpy()[0].tolist() == [
        item_id in small_shop.INFERRED for item_id in ids(answer)
    ]


def test_leaves_out_excluded_seen_and_sold_out(signatures):
    first = ids(signatures["recommend"](**request(["i1"])))
    exclude = [[*first[:5], "no such item", ""]]
    answer = signatures["recommend"](
        **request(["i1"], exclude_item_ids=exclude, k=[LIMIT])
    )
    assert not set(ids(answer)) & {*first[:5], "i1", *small_shop.SOLD_OUT}
    assert len(set(ids(answer)) - {""}) == LIMIT


def test_unknown_items_of_the_history_change_nothing(signatures):
    plain = signatures["recommend"](**request(["i1", "i4"]))
    noisy = signatures["recommend"](**request(["?", "i1", "", "i4", "??"]))
    np.testing.assert_allclose(plain["scores"], noisy["scores"], rtol=1e-5)
    assert ids(plain) == ids(noisy)


def test_only_the_last_steps_count_but_all_are_seen(signatures):
    old, recent = ["i2"], ["i1", "i4", "i7", "i10", "i13"]
    plain = signatures["recommend"](**request(recent))
    longer = signatures["recommend"](
        **request(old + recent, exclude_item_ids=[["i2"]])
    )
    np.testing.assert_allclose(plain["scores"], longer["scores"], rtol=1e-5)
    assert "i2" not in ids(signatures["recommend"](**request(old + recent)))


def test_serves_someone_without_history(signatures):
    answer = signatures["recommend"](**request([]))
    assert len(set(ids(answer))) == 10
    assert np.isfinite(answer["scores"]).all()


def test_alone_as_in_a_batch(signatures):
    histories = (["i1", "i4"], [], ["i2"])
    together = signatures["recommend"](**request(*histories))
    for row, history in enumerate(histories):
        alone = signatures["recommend"](**request(history))
        assert ids(alone) == ids(together, row)
        np.testing.assert_allclose(
            alone["scores"][0], together["scores"][row], atol=1e-5
        )


def test_search_finds_what_was_asked_without_history(signatures):
    answer = signatures["search"](**request([], query="电饭煲"))
    assert {category(i) for i in ids(answer)} == {1}


def test_search_is_led_by_the_query_not_by_taste(signatures):
    answer = signatures["search"](**request(["i3", "i6"], query="电饭煲"))
    assert {category(i) for i in ids(answer)} == {1}
    other = signatures["search"](**request(["i4"], query="电饭煲"))
    assert ids(other) != ids(answer)


@pytest.mark.parametrize("query", ["无线鼠标 78号", "无线鼠镖７８号"])
def test_search_finds_by_words_what_the_vector_does_not(signatures, query):
    """Means of hashed characters cannot tell one number from another."""
    answer = signatures["search"](**request([], query=query))
    assert "i78" in ids(answer)[:3]


def test_search_needs_a_query(signatures):
    with pytest.raises(INVALID, match="query must not be empty"):
        signatures["search"](**request(["i3"]))


def test_similar_is_of_the_kind_and_not_itself(signatures):
    answer = signatures["similar"](
        **defaults(answer_specs(), 8)
        | {
            "item_ids": tf.constant(["i1", "i2", "unknown"]),
            "exclude_item_ids": tf.constant([["i4"]]),
        }
    )
    assert {category(i) for i in ids(answer)} == {1}
    assert not {"i1", "i4"} & set(ids(answer))
    assert {category(i) for i in ids(answer, 1)} == {2}
    assert ids(answer, 2) == [""] * 8
    assert (answer["scores"].numpy()[2] == LOWEST).all()


def test_rank_orders_what_is_given(signatures):
    sent = request(["i1", "i4"], item_ids=[["i3", "i7", "?", "i10"]])
    sent = {k: v for k, v in sent.items() if k not in NOT_OF_THE_USER}
    answer = signatures["rank"](**sent)
    assert set(ids(answer)[:3]) == {"i3", "i7", "i10"}
    assert ids(answer)[2:] == ["i3", ""]
    assert (np.diff(answer["scores"].numpy()[0]) <= 0).all()
    assert answer["p_click"].numpy()[0][3] == 0


@pytest.mark.parametrize("k", [1, 3, LIMIT])
def test_any_k_up_to_the_limit(signatures, k):
    answer = signatures["recommend"](**request(["i1"], ["i2"], k=[k]))
    assert answer["item_ids"].shape == answer["p_click"].shape == (2, k)


@pytest.mark.parametrize("name", ["recommend", "search", "similar"])
def test_each_row_may_ask_for_another_k(signatures, name):
    sent = request(["i1"], ["i2"], ["i4"], query="鼠标")
    if name == "similar":
        sent = {"item_ids": tf.constant(["i1", "i2", "i4"])} | {
            part: sent[part] for part in answer_specs()
        }
    whole = signatures[name](**sent)
    cut = signatures[name](**sent | {"k": tf.constant([2, 10, 4])})
    for row, k in enumerate((2, 10, 4)):
        assert ids(cut, row) == ids(whole, row)[:k] + [""] * (10 - k)
        assert (cut["scores"].numpy()[row][k:] == LOWEST).all()
        if name != "similar":
            assert (cut["p_buy"].numpy()[row][:k] > 0).all()
            assert (cut["p_buy"].numpy()[row][k:] == 0).all()


def test_slots_that_cannot_be_filled_are_empty(signatures):
    everything = [i for i in small_shop.ITEM_IDS if i not in ("i1", "i2")]
    answer = signatures["recommend"](
        **request([], exclude_item_ids=[everything], k=[4])
    )
    assert sorted(ids(answer)) == ["", "", "i1", "i2"]
    assert ids(answer)[2:] == ["", ""]
    assert (answer["scores"].numpy()[0][2:] == LOWEST).all()
    assert (answer["titles"].numpy()[0][2:] == b"").all()


@pytest.mark.parametrize("k", [0, -1, LIMIT + 1])
def test_a_wrong_k_is_named(signatures, k):
    for name in ("recommend", "search"):
        with pytest.raises(INVALID, match=f"k must be 1 to {LIMIT}"):
            signatures[name](**request(["i1"], query="鼠标", k=[k]))
    with pytest.raises(INVALID, match=f"k must be 1 to {LIMIT}"):
        signatures["similar"](
            **defaults(answer_specs(), k), item_ids=tf.constant(["i1"])
        )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("history_queries", [["a"]], "history_queries must have the shape"),
        ("history_timestamps", [[1, 2]] * 3, "history_timestamps must have"),
        ("timestamp", [1, 2, 3], "timestamp must have as many rows"),
        ("city", ["a", "b", "c"], "city must have as many rows"),
        ("exclude_item_ids", [["a"]] * 3, "exclude_item_ids must have as"),
        ("k", [1, 2, 3], "k must have as many rows"),
    ],
)
def test_shapes_that_do_not_fit_are_named(signatures, name, value, message):
    sent = request(["i1", "i2"], ["i3"])
    sent[name] = tf.constant(value, sent[name].dtype)
    with pytest.raises(INVALID, match=message):
        signatures["recommend"](**sent)


def test_an_empty_batch_is_refused(signatures):
    sent = {name: value[:0] for name, value in request(["i1"]).items()}
    with pytest.raises(INVALID, match="history_item_ids has no rows"):
        signatures["recommend"](**sent)


def test_context_may_hold_for_the_whole_batch(signatures):
    sent = request(["i1"], ["i2"])
    sent["city"] = tf.constant(["杭州"])
    assert signatures["recommend"](**sent)["item_ids"].shape[0] == 2


@pytest.mark.parametrize("kind", ["exact", "blocks"])
def test_graph_has_only_ops_that_serving_has(shop, tmp_path, kind):
    """Compared in a process that has loaded nothing but TensorFlow."""
    folder = shop / "servable"
    if kind == "blocks":
        folder = small_shop.build_servable(tmp_path, kind=kind)
    text = (folder / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(text).meta_graphs[0].graph_def
    ops = {node.op for node in graph.node}
    functions = {function.signature.name for function in graph.library.function}
    for function in graph.library.function:
        ops |= {node.op for node in function.node_def}
    ops -= functions
    assert {"TopKV2", "MatMul"} <= ops
    assert not {op for op in ops if "scann" in op.lower() or "Py" in op}
    code = (
        "import sys\n"
        "import tensorflow\n"
        "from tensorflow.python.framework import op_def_registry\n"
        "missing = [op for op in sys.argv[1:] if not op_def_registry.get(op)]\n"
        "print(' '.join(missing))\n"
    )
    missing = subprocess.run(
        [sys.executable, "-c", code, *sorted(ops)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert set(missing) <= TEXT_OPS


def test_vectors_are_variables_not_constants(shop):
    """Whatever grows with the catalogue stays out of the graph."""
    text = (shop / "servable" / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(text).meta_graphs[0].graph_def
    nodes = [*graph.node]
    for function in graph.library.function:
        nodes += function.node_def
    constants = [
        node.attr["value"].tensor.ByteSize()
        for node in nodes
        if node.op == "Const"
    ]
    # Ids alone would be 1,200 bytes, and vectors 9,600.
    assert max(constants) < 5_000
    assert sum(constants) < 100_000
    assert len(text) < 5_000_000


def test_warm_up_requests_are_real_and_answered(shop, signatures):
    path = shop / "servable" / "assets.extra" / "tf_serving_warmup_requests"
    seen = []
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        sent = log.predict_log.request
        seen.append(sent.model_spec.signature_name)
        inputs = {
            name: tf.constant(tf.make_ndarray(value))
            for name, value in sent.inputs.items()
        }
        answer = signatures[sent.model_spec.signature_name](**inputs)
        if "item_ids" in answer:
            assert answer["item_ids"].numpy()[0][0]
    assert sorted(seen) == sorted([*signatures, "recommend"] * 2)


def test_items_must_be_those_of_the_catalogue(tmp_path):
    small_shop.write_catalogue(tmp_path)
    with pytest.raises(DataError, match="the first is 'gone'"):
        catalogue.read_catalogue(tmp_path / "Split-all", [b"i1", b"gone"])


def test_index_must_be_that_of_the_model(shop, tmp_path):
    index = tmp_path / "index"
    index.mkdir()
    (index / "item_ids.txt").write_text("i1\n", encoding="utf-8")
    with pytest.raises(DataError, match="another model"):
        building.build(
            model_dir=shop / "model",
            index_dir=index,
            catalogue_split=pathlib.Path(),
            behaviour_splits=[],
            folder=tmp_path,
            settings=ServableSettings(),
        )


def test_settings_name_what_is_wrong():
    with pytest.raises(SettingsError, match="default_k is 300"):
        ServableSettings(default_k=300)
    with pytest.raises(SettingsError, match=r"search_text_weight is 1\.5"):
        ServableSettings(search_text_weight=1.5)


def drawn_limits(rng, rows):
    """Draws what each of some requests excludes and lets through."""
    ids = np.array(small_shop.ITEM_IDS, object)

    def lists(values, most, share):
        asked = rng.random(rows) < share
        drawn = np.full([rows, most], "", object)
        for place in np.flatnonzero(asked):
            count = rng.integers(1, most + 1)
            drawn[place, :count] = rng.choice(values, count, replace=False)
        return drawn

    low = np.where(rng.random(rows) < 0.3, rng.uniform(0, 300, rows), 0.0)
    width = rng.uniform(0, 150, rows)
    high = np.where(rng.random(rows) < 0.3, low + width, np.inf)
    paths = [
        *small_shop.CATEGORIES,
        *(path.split("/")[0] for path in small_shop.CATEGORIES),
        "no such category",
    ]
    return {
        "exclude_item_ids": lists(ids, 40, 0.8),
        "only_item_ids": lists(ids, 60, 0.2),
        "only_categories": lists(paths, 2, 0.4),
        "only_brands": lists([b for b in small_shop.BRANDS if b], 2, 0.3),
        "only_shops": lists([f"shop{n}" for n in range(7)], 3, 0.3),
        "only_campaigns": lists([*CAMPAIGNS, "no such campaign"], 2, 0.2),
        "min_price": low.astype(np.float32),
        "max_price": high.astype(np.float32),
    }


# As `small_shop.write_campaigns` makes them.
CAMPAIGNS = {
    "c1": set(range(0, small_shop.NUM_ITEMS, 3)),
    "c2": {1, 2, 5},
    "c3": set(),
}


def fits(limits, row, seen):
    """Returns the items that a request lets through, by plain Python."""

    def any_of(name, value):
        asked = [v for v in limits[name][row] if v]
        return not asked or value in asked

    found = set()
    paths = [v for v in limits["only_categories"][row] if v]
    campaigns = [v for v in limits["only_campaigns"][row] if v]
    for n, item_id in enumerate(small_shop.ITEM_IDS):
        path = small_shop.CATEGORIES[n % 3]
        if (
            item_id not in {*small_shop.SOLD_OUT, *seen}
            and item_id not in limits["exclude_item_ids"][row]
            and any_of("only_item_ids", item_id)
            and any_of("only_brands", small_shop.BRANDS[n % 4])
            and any_of("only_shops", f"shop{n % 7}")
            and (
                not campaigns
                or any(n in CAMPAIGNS.get(name, ()) for name in campaigns)
            )
            and (
                not paths
                or any(path == p or path.startswith(p + "/") for p in paths)
            )
            and limits["min_price"][row] <= n <= limits["max_price"][row]
        ):
            found.add(item_id)
    return found


@pytest.mark.parametrize("name", ["recommend", "search"])
def test_nothing_comes_through_that_a_request_leaves_out(signatures, name):
    """10,000 random requests, and every slot filled that can be."""
    rng = np.random.default_rng(8)
    for _ in range(10):
        histories = [
            list(rng.choice(small_shop.ITEM_IDS, rng.integers(0, 4)))
            for _ in range(500)
        ]
        limits = drawn_limits(rng, 500)
        sent = request(*histories, query="静音 电饭煲", **limits)
        answer = signatures[name](**sent)
        for row, history in enumerate(histories):
            expected = fits(limits, row, history)
            found = [item_id for item_id in ids(answer, row) if item_id]
            assert set(found) <= expected
            assert len(set(found)) == len(found) == min(10, len(expected))


def test_a_price_that_is_no_number_is_refused(signatures):
    with pytest.raises(INVALID, match="max_price must be a number"):
        signatures["recommend"](**request([], max_price=[np.nan]))


def test_similar_items_fit_too(signatures):
    sent = {
        **defaults(answer_specs(), 10),
        "item_ids": tf.constant(["i5"]),
        "only_shops": tf.constant([["", "shop3"]]),
    }
    found = [i for i in ids(signatures["similar"](**sent)) if i]
    assert len(found) == 10
    assert all(int(item_id[1:]) % 7 == 3 for item_id in found)


def asked_of(*histories, **more):
    """Returns a request without what limits an answer."""
    sent = request(*histories, **more)
    return {n: v for n, v in sent.items() if n not in NOT_OF_THE_USER}


def test_intent_tells_chances_of_items_and_likely_categories(shop, signatures):
    asked = asked_of(["i1", "i4"], [])
    items = tf.constant([["i7", "unknown", "i2"], ["i3", "i3", ""]])
    answer = signatures["intent"](**asked, item_ids=items)
    model = tf.saved_model.load(str(shop / "model"))
    rows = model.lookup(items)
    text = model.encode_queries(asked["query"])
    ranked = model.rank_scores(
        asked, text, model.retrieve(asked, text), tf.maximum(rows, 0)
    )
    for head in ("p_click", "p_buy"):
        expected = tf.where(rows >= 0, ranked[head], 0.0)
        np.testing.assert_allclose(answer[head], expected, rtol=1e-5)
    # Who looked at rice cookers, i1 and i4, is after one.
    names = [name.decode() for name in answer["categories"].numpy()[0]]
    assert names[0] == small_shop.CATEGORIES[1]
    assert names[3:] == [""] * 7
    chances = answer["category_chances"].numpy()
    assert (np.diff(chances, axis=1) <= 0).all()
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-5)


def test_vectors_are_those_of_the_model(shop, signatures):
    model = tf.saved_model.load(str(shop / "model"))
    asked = asked_of(["i1", "i4"], ["i2"])
    np.testing.assert_allclose(
        signatures["embed_query"](**asked)["vectors"],
        model.query_vectors(asked),
        rtol=1e-5,
    )
    found = signatures["embed_item"](item_ids=tf.constant(["i5", "unknown"]))
    assert found["known"].numpy().tolist() == [True, False]
    np.testing.assert_array_equal(found["vectors"][0], model.item_vectors()[5])
    assert not found["vectors"].numpy()[1].any()


def test_a_page_holds_no_more_of_a_shop_than_asked(signatures):
    sent = request(["i3", "i6"], ["i3", "i6"], query="鼠标", k=[14])
    for name in ("recommend", "search"):
        plain = signatures[name](**sent)
        capped = signatures[name](**sent | {"max_per_shop": [2, 0]})
        shops = [int(item_id[1:]) % 7 for item_id in ids(capped)]
        assert np.bincount(shops).tolist() == [2] * 7
        assert np.bincount([int(i[1:]) % 7 for i in ids(plain)]).max() > 2
        assert ids(capped, 1) == ids(plain, 1)
        # The probabilities are those of the items that are shown.
        both = set(ids(plain)) & set(ids(capped))
        assert len(both) > 4
        for item_id in both:
            chances = [
                answer["p_click"].numpy()[0][ids(answer).index(item_id)]
                for answer in (plain, capped)
            ]
            np.testing.assert_allclose(*chances, rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"diversity": [1.5]}, "diversity must be 0 to 1, but is"),
        ({"diversity": [np.nan]}, "diversity must be 0 to 1, but is"),
        ({"max_per_shop": [-1]}, "max_per_shop must be 0 or more, but is"),
    ],
)
def test_wrong_wishes_for_a_page_are_named(signatures, wrong, message):
    with pytest.raises(INVALID, match=message):
        signatures["recommend"](**request(["i1"], **wrong))


# The servable reads five steps that it knows: i9 only where another is gone.
HISTORY = ["i9", "i1", "i2", "i1", "unknown", "i1", "i2"]


def told_of(answer, row=0):
    return [
        [text.decode() for text in answer[name].numpy()[row]]
        for name in ("reasons", "evidence", "explanations")
    ]


def without(steps, query=""):
    return request([step for step in HISTORY if step not in steps], query=query)


def test_the_reason_is_what_an_item_loses_most_by(signatures):
    """Ranks the page again without each item of the history, as a client."""
    page = signatures["recommend"](**request(HISTORY, k=[20], explain=[True]))
    answered = ids(page)

    def scores(*left_out):
        sent = without(left_out)
        sent = {k: v for k, v in sent.items() if k not in NOT_OF_THE_USER}
        ranked = signatures["rank"](**sent, item_ids=tf.constant([answered]))
        found = dict(zip(ids(ranked), ranked["scores"].numpy()[0], strict=True))
        return np.array([found[item_id] for item_id in answered])

    items = sorted({*HISTORY} - {"unknown"})
    lost = scores() - np.array([scores(item) for item in items])
    reasons, evidence, explanations = told_of(page)
    assert "history" in reasons
    for slot, reason in enumerate(reasons):
        if reason == "history":
            cited = items.index(evidence[slot])
            np.testing.assert_allclose(
                lost[cited, slot], lost[:, slot].max(), atol=1e-5
            )
            assert lost[cited, slot] > 0.049 * scores()[slot]
            title = small_shop.TITLES[int(evidence[slot][1:])]
            assert explanations[slot] == f"因为您点击过「{title}」"
        else:
            assert not evidence[slot]
            assert lost[:, slot].max() <= 0.051 * scores()[slot]


def test_only_who_asks_gets_reasons_and_others_change_none(signatures):
    histories = (["i1", "i4"], ["i2"], [], ["i3", "i6", "i9"])
    asking = [True, False, True, True]
    both = signatures["recommend"](**request(*histories, explain=asking))
    for row, history in enumerate(histories):
        alone = signatures["recommend"](
            **request(history, explain=asking[row : row + 1])
        )
        assert ids(both, row) == ids(alone)
        assert told_of(both, row) == told_of(alone)
        reasons, *_ = told_of(both, row)
        assert all(reasons) == asking[row]
        assert any(reasons) == asking[row]
    # Without a history it is none of its items.
    assert set(told_of(both, 2)[0]) <= {"general", "popular", "unseen"}


def test_the_deepest_thing_done_is_said(signatures):
    sent = request(["i1", "i2", "i1"], k=[20], explain=[True])
    sent["history_event_types"] = tf.constant([["cart", "favorite", "view"]])
    reasons, evidence, explanations = told_of(signatures["recommend"](**sent))
    said = {"i1": "因为您加购过", "i2": "因为您收藏过"}
    cited = [slot for slot, reason in enumerate(reasons) if reason == "history"]
    assert cited
    for slot in cited:
        assert explanations[slot].startswith(said[evidence[slot]])


def test_a_search_is_a_reason(signatures):
    sent = request(["i3", "i6"], query="电饭煲", explain=[True])
    answer = signatures["search"](**sent)
    reasons, evidence, explanations = told_of(answer)
    fits = [slot for slot, i in enumerate(ids(answer)) if category(i) == 1]
    assert fits
    for slot in fits:
        assert reasons[slot] == "search"
        assert evidence[slot] == "电饭煲"
        assert explanations[slot] == "与您搜索的「电饭煲」相符"


def example(history, item_id, **more):
    """Returns an example of a user, without what a client may leave out."""
    row = small_shop.behaviour(history) | {"item_id": [item_id]} | more
    kept = {
        "item_id",
        "timestamp",
        "history_item_ids",
        "history_event_types",
        "history_timestamps",
        *more,
    }
    return small_shop.serialize({n: v for n, v in row.items() if n in kept})


def test_examples_are_classified_as_requests_are_ranked(signatures):
    histories = (["i1", "i5", "i9"], [], ["i2"])
    items = ["i4", "i3", "unknown"]
    sent = tf.constant(
        [example(h, i) for h, i in zip(histories, items, strict=True)]
    )
    asked = asked_of(*histories)
    asked["history_timestamps"] = tf.constant(
        [[1, 2, 3], [0] * 3, [1, 0, 0]], tf.int64
    )
    asked["timestamp"] = tf.constant([1_700_000_000] * 3, tf.int64)
    ranked = signatures["rank"](
        **asked, item_ids=tf.constant(items)[:, tf.newaxis]
    )
    found = signatures["classify"](inputs=sent)
    assert found["classes"].numpy().tolist() == [[b"buy", b"click"]] * 3
    for column, head in enumerate(("p_buy", "p_click")):
        np.testing.assert_allclose(
            found["scores"][:, column], ranked[head][:, 0], rtol=1e-5
        )
    scores = signatures["regress"](inputs=sent)["outputs"].numpy()
    np.testing.assert_allclose(scores[:2], ranked["scores"][:2, 0], rtol=1e-5)
    assert scores[2] == 0
    assert not found["scores"].numpy()[2].any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"timestamp": []}, "timestamp"),
        ({"item_id": []}, "item_id"),
        (
            {"history_timestamps": [1]},
            "history_timestamps must be as long as history_item_ids",
        ),
    ],
)
def test_examples_that_lack_something_are_refused(signatures, wrong, message):
    features = {
        **small_shop.behaviour(["i1", "i2"]),
        "item_id": ["i3"],
        **wrong,
    }
    sent = tf.constant([small_shop.serialize(features)])
    with pytest.raises(INVALID, match=message):
        signatures["classify"](inputs=sent)
