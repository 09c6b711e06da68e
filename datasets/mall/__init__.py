"""A simulated Chinese mall whose truth is known; nothing in it is real."""

from datasets.mall.generator import generate
from datasets.mall.settings import MallSettings

__all__ = ["MallSettings", "generate"]
