"""The section that shows a few users, what they did and what they are shown."""

from collections.abc import Sequence

from pipeline.report.charts import escape
from pipeline.report.sections import METHOD_NAMES, section

_SHOWN_STEPS = 8
_SHOWN_ITEMS = 10
_TITLE_CHARACTERS = 60
_EVENT_WORDS = {
    "view": "浏览",
    "click": "点击",
    "favorite": "收藏",
    "cart": "加购",
    "uncart": "移出",
    "buy": "购买",
}
_DEEP = ("cart", "buy")


def people_section(facts: dict, titles: dict[str, str]) -> str:
    """Shows users with their history and their recommendations.

    Args:
      facts: With `examples`.
      titles: Item id → title.
    """
    examples = facts.get("examples")
    if not examples:
        return ""
    return section(
        "A few users",
        "几位用户",
        "From the shortest history to the longest, picked by length alone. "
        "✓ 命中 marks the item that the user really chose next.",
        "".join(_person(example, titles) for example in examples),
    )


def _person(example, titles):
    history = example["history"]
    context = [example.get(name) for name in ("city", "device", "scene")]
    told = [part for part in context if part]
    told.append(f"{len(history)} steps" if history else "new here 新用户")
    if example.get("query"):
        told.append(f"searches for “{example['query']}”")
    rank = example["rank"]["model"]
    told.append(
        f"chose {_title(example['target_item_id'], titles)}"
        + (f", our number {rank:,}" if rank < 10**9 else "")
    )
    steps = "".join(
        _step(step, titles) for step in history[::-1][:_SHOWN_STEPS]
    )
    more = len(history) - _SHOWN_STEPS
    if more > 0:
        steps += f'<li class="said">… and {more} earlier</li>'
    if not history:
        steps = '<li class="said">nothing yet</li>'
    target = example["target_item_id"]
    lists = {
        name: _list(items, target, titles)
        for name, items in example["recommendations"].items()
    }
    others = "".join(
        f"<div><h4>{METHOD_NAMES[name]}</h4>{shown}</div>"
        for name, shown in lists.items()
        if name != "model"
    )
    return (
        f'<div class="person"><h3>{escape(example["user_id"])}</h3>'
        f"<p>{escape(' · '.join(told))}</p>"
        f'<div class="sides"><div><h4>Latest first 最近行为</h4>'
        f'<ol class="steps">{steps}</ol></div>'
        f"<div><h4>Recommended 推荐</h4>{lists['model']}</div></div>"
        f"<details><summary>What the baselines show</summary>"
        f'<div class="sides">{others}</div></details></div>'
    )


def _step(step, titles):
    kind = step["event_type"]
    tone = " deep" if kind in _DEEP else ""
    said = f' <span class="said">“{escape(step["query"])}”</span>'
    return (
        f'<li><span class="tag{tone}">{escape(_EVENT_WORDS.get(kind, kind))}'
        f'</span><span class="title">{escape(_title(step["item_id"], titles))}'
        f"{said if step.get('query') else ''}</span></li>"
    )


def _list(items: Sequence[dict], target: str, titles: dict[str, str]) -> str:
    rows = "".join(
        f"<li{' class=came' if item['item_id'] == target else ''}>"
        f'<span class="number">{place}</span>'
        f'<span class="title">{escape(_title(item["item_id"], titles))}</span>'
        f'<span class="said">{item["score"]:.3f}</span></li>'
        for place, item in enumerate(items[:_SHOWN_ITEMS], 1)
    )
    return f'<ol class="list">{rows}</ol>'


def _title(item_id, titles):
    title = titles.get(item_id) or item_id
    if len(title) <= _TITLE_CHARACTERS:
        return title
    return title[: _TITLE_CHARACTERS - 1] + "…"
