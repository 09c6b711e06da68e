"""A finished run as the nodes leave it, small and written by hand."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

TITLES = {
    "i0": "罗技 M330 无线静音鼠标 办公便携",
    "i1": "机械键盘 87键 热插拔 青轴",
    "i2": "27英寸 4K 显示器 Type-C 反向充电",
    "i3": "<script>alert('标题')</script> & 笔记本支架",
    "i4": "桌面收纳盒 木质 抽屉式",
    "i5": "USB-C 扩展坞 十合一",
}


def write_json(folder, name, content):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(
        json.dumps(content, ensure_ascii=False), encoding="utf-8"
    )
    return str(folder)


def write_catalogue(folder):
    split = folder / "Split-all"
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "items.gz"), "GZIP") as writer:
        for item, title in TITLES.items():
            features = {
                name: tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[value.encode()])
                )
                for name, value in (("item_id", item), ("title", title))
            }
            writer.write(
                tf.train.Example(
                    features=tf.train.Features(feature=features)
                ).SerializeToString()
            )
    return str(folder)


class Heads(tf.Module):
    """Predicts two heads from one feature."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(
            examples, {"chance": tf.io.FixedLenFeature([], tf.float32)}
        )
        return {"click": parsed["chance"], "buy": parsed["chance"] / 5}


@pytest.fixture(scope="session")
def evaluation_dir(tmp_path_factory):
    import tensorflow_model_analysis as tfma

    from components.quality_gate.ranking_metrics import eval_config

    folder = tmp_path_factory.mktemp("tfma")
    rng = np.random.default_rng(5)
    data = str(folder / "examples.gz")
    with tf.io.TFRecordWriter(data, "GZIP") as writer:
        for place in range(400):
            chance = rng.beta(1.2, 3.0)
            numbers = {
                "chance": chance,
                "label_click": float(rng.random() < chance),
                "label_buy": float(rng.random() < chance / 4),
                "weight": 1.0,
            }
            texts = {
                "device": ["ios", "android", "web"][place % 3],
                "scene": ["首页", "搜索"][place % 2],
            }
            feature = {
                name: tf.train.Feature(
                    float_list=tf.train.FloatList(value=[value])
                )
                for name, value in numbers.items()
            } | {
                name: tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[value.encode()])
                )
                for name, value in texts.items()
            }
            writer.write(
                tf.train.Example(
                    features=tf.train.Features(feature=feature)
                ).SerializeToString()
            )
    model = Heads()
    model_dir = str(folder / "model")
    tf.saved_model.save(
        model, model_dir, signatures={"serving_default": model.serve}
    )
    config = eval_config(["click", "buy"])
    tfma.run_model_analysis(
        eval_shared_model=tfma.default_eval_shared_model(
            model_dir, eval_config=config
        ),
        eval_config=config,
        data_location=data,
        output_path=str(folder / "out"),
    )
    return str(folder / "out")


def _figures(scale):
    return {
        "recall@10": 0.21 * scale,
        "recall@50": 0.43 * scale,
        "precision@10": 0.021 * scale,
        "f1@10": 0.0382 * scale,
        "ndcg@10": 0.117 * scale,
        "mrr": 0.102 * scale,
        "coverage@10": min(1.0, 0.71 * scale),
        "recall@50_by_item": 0.31 * scale,
        "diversity@10": 0.64 * scale,
    }


def _retrieval():
    slices = {
        "history 0": (60, 0.4),
        "history 1-4": (300, 0.8),
        "history 5-19": (900, 1.0),
        "history 20+": (740, 1.15),
        "target cold": (55, 0.15),
        "target tail": (760, 0.6),
        "target head": (1185, 1.3),
        "with query": (420, 1.4),
        "without query": (1580, 0.9),
    }
    methods = {"model": 1.0, "popularity": 0.35, "item_knn": 0.8}
    return {
        "queries": 2000,
        "items": 3012,
        "left_out": {"unknown_target": 3, "seen_target": 0},
        "models": {
            method: {
                "intervals": {
                    "recall@50": [0.40 * scale, 0.46 * scale],
                    "ndcg@10": [0.110 * scale, 0.124 * scale],
                },
                "overall": _figures(scale),
                "slices": {
                    name: {"queries": queries, **_figures(scale * slope)}
                    for name, (queries, slope) in slices.items()
                },
            }
            for method, scale in methods.items()
        },
        "leads": {
            "popularity": {
                "recall@50": {
                    "mean": 0.28,
                    "low": 0.26,
                    "high": 0.3,
                    "p": 0.002,
                }
            },
            "item_knn": {
                "recall@50": {
                    "mean": 0.01,
                    "low": -0.004,
                    "high": 0.024,
                    "p": 0.2,
                }
            },
        },
        "ranked": {
            "queries": 2000,
            "overall": _figures(1.04),
            "intervals": {},
            "lead": {
                "ndcg@10": {
                    "mean": 0.011,
                    "low": 0.006,
                    "high": 0.017,
                    "p": 0.002,
                }
            },
        },
        "similar": {
            "queries": 1500,
            "models": {
                "model": {"overall": _figures(0.5)},
                "item_knn": {"overall": _figures(0.4)},
            },
        },
        "baselines": {
            "popularity": {"half_life_days": 7.0},
            "item_knn": {"shrink": 10.0, "neighbours": 200},
        },
    }


def _examples():
    def listed(*items):
        return [
            {"item_id": item, "score": 0.91 - 0.07 * place}
            for place, item in enumerate(items)
        ]

    def step(item, kind, query=""):
        return {
            "item_id": item,
            "event_type": kind,
            "query": query,
            "timestamp": 1_700_000_000,
        }

    context = {"city": "杭州", "device": "ios", "scene": "首页"}
    return [
        {
            "user_id": "u00017",
            "query": "无线鼠标",
            **context,
            "target_item_id": "i0",
            "history": [],
            "rank": {"model": 1, "popularity": 3, "item_knn": 3},
            "recommendations": {
                "model": listed("i0", "i5", "i1", "i3"),
                "popularity": listed("i1", "i2", "i0"),
                "item_knn": listed("i1", "i2", "i0"),
            },
        },
        {
            "user_id": "u00042",
            "query": "",
            **context,
            "target_item_id": "i5",
            "history": [
                *[step("i4", "view")] * 7,
                step("i0", "click", "鼠标 静音"),
                step("i1", "cart"),
                step("i2", "buy"),
            ],
            "rank": {"model": 2, "popularity": 6, "item_knn": 4},
            "recommendations": {
                "model": listed("i3", "i5", "i4", "i0"),
                "popularity": listed("i1", "i2", "i0"),
                "item_knn": listed("i4", "i0", "i3", "i5"),
            },
        },
    ]


@pytest.fixture
def finished(tmp_path, evaluation_dir):
    """`RunResults` of a run in which everything worked."""
    from pipeline.report.results import NodeResult, RunResults

    events = {
        "in": 184_220,
        "kept": 176_900,
        "deduplicated": 4_120,
        "bots": 2_900,
        "quarantined": 300,
    }
    behavior = {
        "events": events,
        "quarantined_by_reason": {"unknown item": 280, "bad time": 20},
        "users": 2_000,
        "sessions": 14_120,
        "queries": 1_204,
        "event_types": {
            "impression": 121_000,
            "click": 31_500,
            "favorite": 3_100,
            "cart": 6_200,
            "buy": 2_150,
            "search": 12_950,
        },
        "examples": {"train": 101_200, "eval": 19_800},
    }
    rounds = range(1, 11)
    gate = {
        "ok": True,
        "checks": [
            {
                "metric": "index.recall@100",
                "value": 0.981,
                "threshold": 0.95,
                "relation": "at least",
                "ok": True,
                "note": "",
                "made": True,
            },
            {
                "metric": "ranking.buy.auc",
                "value": None,
                "threshold": 0.55,
                "relation": "at least",
                "ok": True,
                "note": "3 positives and 900 negatives",
                "made": False,
            },
        ],
    }
    times = {
        "EventsGen": 9.1,
        "BehaviorLog": 31.0,
        "TextEmbedding": 42.5,
        "Trainer": 171.2,
        "QualityGate": 0.4,
    }
    return RunResults(
        run_dir=tmp_path / "run",
        preset="demo",
        dataset="Simulated mall 模拟商城",
        simulated=True,
        started_at=1_700_000_000.0,
        seconds=372.0,
        nodes=tuple(
            NodeResult(
                name=name,
                state="cached" if name == "EventsGen" else "run",
                seconds=seconds,
            )
            for name, seconds in times.items()
        ),
        catalogue_dir=write_catalogue(tmp_path / "catalogue"),
        catalogue_report_dir=write_json(
            tmp_path / "catalogue_report",
            "report.json",
            {
                "items": {"in": 3_020, "kept": 3_012},
                "quarantined_by_reason": {"negative price": 8},
            },
        ),
        understanding_report_dir=write_json(
            tmp_path / "understanding_report",
            "report.json",
            {
                "categories": {
                    "known": 2_900,
                    "lacking": 112,
                    "filled": 97,
                    "learned_from": 2_320,
                    "leaves": 150,
                    "wanted_precision": 0.9,
                    "threshold": 0.53125,
                    "held_out": 580,
                    "accuracy": 0.871,
                    "answered": 0.843,
                    "precision": 0.912,
                }
            },
        ),
        behavior_report_dir=write_json(
            tmp_path / "behavior_report", "report.json", behavior
        ),
        histories_dir=str(tmp_path / "histories"),
        model_run_dir=write_json(
            tmp_path / "model_run",
            "history.json",
            {
                "retrieval": [
                    {
                        "epoch": n,
                        "loss": 7.5 * 0.93**n,
                        "val_recall@50": 0.45 - 0.4 * 0.7**n,
                        "seconds": 12.0,
                    }
                    for n in rounds
                ],
                "neighbours": [
                    {
                        "targets": 1234,
                        "loss_before": 5.5,
                        "loss_after": 5.125,
                    }
                ],
                "ranking": [
                    {
                        "epoch": n,
                        "loss": 0.6 + 0.3 / n,
                        "val_ranking": -0.6 - 0.4 / n,
                    }
                    for n in rounds
                ],
            },
        ),
        evaluation_dir=evaluation_dir,
        retrieval_dir=(
            write_json(tmp_path / "retrieval", "metrics.json", _retrieval())
            and write_json(tmp_path / "retrieval", "examples.json", _examples())
        ),
        index_dir=write_json(
            tmp_path / "index",
            "index.json",
            {"kind": "scann", "items": 3_012, "recall@100": 0.981},
        ),
        serving_report_dir=write_json(
            tmp_path / "serving",
            "report.json",
            {
                "signatures": {
                    name: {"inputs": {}, "outputs": {}, "milliseconds": ms}
                    for name, ms in (("recommend", 6.2), ("search", 8.9))
                },
                "load_seconds": 3.1,
            },
        ),
        blessing_dir=write_json(tmp_path / "blessing", "gate.json", gate),
        servable_path=str(tmp_path / "serving/daogou/1700000000"),
        servable_version="1700000000",
    )
