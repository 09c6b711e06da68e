"""What of an item is encoded as text."""

from schema.contract import CATEGORY_SEPARATOR


def compose_text(
    title: str, brand: str, category: str, max_characters: int
) -> str:
    """Puts together what the text encoder reads of an item.

    The title leads; the brand and the last level of the category follow
    where the text does not already say them.

    Args:
      title: May be empty.
      brand: May be empty.
      category: Path with levels between `/`; may be empty.
      max_characters: Where the text is cut.

    Returns:
      The text, `""` where nothing is known.

    >>> compose_text("罗技 无线鼠标 静音", "罗技", "电脑/外设/鼠标", 512)
    '罗技 无线鼠标 静音'
    >>> compose_text("M330 静音", "罗技", "电脑/外设/鼠标", 512)
    'M330 静音 罗技 鼠标'
    """
    text = title.strip()
    leaf = category.rstrip(CATEGORY_SEPARATOR).rpartition(CATEGORY_SEPARATOR)[2]
    for addition in (brand.strip(), leaf.strip()):
        if addition and addition.lower() not in text.lower():
            text = f"{text} {addition}" if text else addition
    return text[:max_characters]
