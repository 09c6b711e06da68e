import dataclasses

import pytest

from applications.assistant.intents import (
    Classifier,
    Example,
    Intent,
    Topic,
    read_examples,
)
from applications.assistant.policies import DEFAULT, read_policies
from benchmarks.assistant import CASES, DEV_CASES, read_cases
from schema.errors import DataError


@pytest.fixture(scope="module")
def classifier(vocabulary):
    return Classifier(vocabulary, read_examples())


def test_the_words_of_the_shop_are_masked(classifier):
    assert classifier.mask("罗技和雷蛇的鼠标哪个好") == "B和B的C哪个好"
    assert classifier.mask("三百以内的无线鼠标") == "的CP"
    assert classifier.mask("发票呢") == "发票呢"


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        # Of kinds and brands that no example names.
        ("有没有静音的机械键盘", Intent.FIND),
        ("海信电视和康佳电视哪个好", Intent.COMPARE),
        ("买了手机，配个手机壳", Intent.ACCESSORY),
        ("保温杯能退货吗", Intent.AFTER_SALES),
    ],
)
def test_it_goes_by_how_people_ask(classifier, question, intent):
    chances = classifier.intents(question)
    assert next(iter(chances)) is intent
    assert sum(chances.values()) == pytest.approx(1)
    assert list(chances.values()) == sorted(chances.values(), reverse=True)


def test_topics_of_orders(classifier):
    asked = {
        "鼠标不想要了怎么退": Topic.RETURN,
        "电视能开专票吗": Topic.INVOICE,
        "包裹到哪了": Topic.SHIPPING,
        "键盘坏了保修吗": Topic.WARRANTY,
        "尺码小了想换": Topic.EXCHANGE,
    }
    found = {q: next(iter(classifier.topics(q))) for q in asked}
    assert found == asked


def test_it_holds_on_questions_it_has_not_learned_from(vocabulary):
    """Three folds of the examples: far better than the most usual intent."""
    examples = read_examples()
    right = 0
    for fold in range(3):
        kept = [e for n, e in enumerate(examples) if n % 3 != fold]
        learned = Classifier(vocabulary, kept)
        for one in examples[fold::3]:
            best = next(iter(learned.intents(one.question)))
            right += best is one.intent
    assert right / len(examples) > 0.8


def test_every_intent_needs_an_example(vocabulary):
    with pytest.raises(ValueError, match="no example of"):
        Classifier(vocabulary, [Example(question="x", intent=Intent.FIND)])


def test_examples_development_and_test_questions_are_others():
    learned = {one.question for one in read_examples()}
    dev = {case.question for case in read_cases(DEV_CASES)}
    asked = {case.question for case in read_cases(CASES)}
    assert len(dev) == 60
    assert len(asked) == 80
    assert not learned & dev
    assert not (learned | dev) & asked


def test_the_law_is_what_comes_along_and_no_policy_is_invented(tmp_path):
    policies = read_policies(DEFAULT)
    assert set(policies) == set(Topic)
    # Where a parcel is, no law says.
    assert policies[Topic.SHIPPING] == ""
    assert all(
        "法》" in p for t, p in policies.items() if p and t != "warranty"
    )
    own = tmp_path / "own.json"
    own.write_text('{"return": " 十五天内可退。 "}', encoding="utf-8")
    assert read_policies(own) == {Topic.RETURN: "十五天内可退。"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON file"),
        ("[]", "holds no object"),
        ('{"refund": "x"}', "has a topic 'refund'; allowed: exchange"),
        ('{"return": 7}', "return is '7'; allowed: a text"),
    ],
)
def test_bad_policies_are_named(tmp_path, text, message):
    path = tmp_path / "policies.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_policies(path)


def test_examples_are_what_the_classifier_takes():
    for one in read_examples():
        assert (one.topic is not None) == (one.intent is Intent.AFTER_SALES)
        assert dataclasses.is_dataclass(one)
