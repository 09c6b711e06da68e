"""What a shop says about orders: its own words, from a file.

The assistant adds nothing to them. The file that comes along says what the
law gives every customer of an online shop, and of what only the shop knows
(where a parcel is) nothing: such questions are handed to people.
"""

import json
import pathlib

from applications.assistant.intents import Topic
from schema.errors import DataError

DEFAULT = pathlib.Path(__file__).with_name("policies.json")
HAND_OVER = "这个问题请联系人工客服，为您查看订单后答复。"
_LONGEST = 1000


def read_policies(path: pathlib.Path = DEFAULT) -> dict[Topic, str]:
    """Reads a shop's policies.

    Args:
      path: JSON, an object of texts by topic; one that is left out, or
        empty, is handed to people.

    Raises:
      DataError: It is no such file; names the topic and what is allowed.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no JSON file: {error}") from error
    if not isinstance(told, dict):
        raise DataError(f"{path} holds no object of texts by topic")
    known = {str(topic) for topic in Topic}
    if unknown := sorted(set(told) - known):
        raise DataError(
            f"{path} has a topic {unknown[0]!r}; allowed: "
            + ", ".join(sorted(known))
        )
    for topic, text in told.items():
        if not isinstance(text, str) or len(text) > _LONGEST:
            raise DataError(
                f"{path}: {topic} is {str(text)[:40]!r}; allowed: a text of "
                f"at most {_LONGEST} characters"
            )
    return {Topic(topic): text.strip() for topic, text in told.items()}
