"""One way of writing for each character, as the search folds them."""

import functools

from models.text.characters import table


def fold(text: str) -> str:
    """Returns half-width, simplified, lower-case text.

    >>> fold("２００以內 無線ＭＯＵＳＥ")
    '200以内 无线mouse'
    """
    return text.translate(_characters()).lower().strip()


@functools.cache
def _characters() -> dict[int, int]:
    return {
        code: int(folded)
        for code, folded in enumerate(table().tolist())
        if code != folded
    }
