"""Who joins a campaign whose page was opened.

As the mall is by default, everybody does with the same chance. With
`MallSettings.joining_taste` it depends on what the shopper likes and is after
just now, on the purse, and on what there is to be saved.
"""

import numpy as np

from datasets.mall.campaigns import Campaigns
from datasets.mall.catalogue import Catalogue
from datasets.mall.settings import MallSettings
from datasets.mall.shoppers import Shoppers, Tastes

JOIN_CHANCE = 0.22
# What the logit gains at taste 1: from none to all interests in the scope,
# from another leaf wanted to one of the scope, for a purse that is empty
# rather than full (coupons and flash sales), and for each share off.
_INTERESTS, _WANTED, _THRIFT, _DISCOUNT = 4.0, 1.2, 1.5, 2.0
# An average shopper and an average campaign, whom taste changes nothing for.
_USUAL_PULL, _USUAL_PRICE_LEVEL, _USUAL_DISCOUNT = 0.15, 0.45, 0.17
_FOR_THE_THRIFTY = ("coupon", "flash_sale")


def leaves_covered(campaigns: Campaigns, catalogue: Catalogue) -> np.ndarray:
    """Returns bool [campaigns, leaves], whether an item of each is covered."""
    found = np.zeros((len(campaigns), len(catalogue.leaves)), bool)
    campaign, item = np.nonzero(campaigns.covers.reshape(len(campaigns), -1))
    found[campaign, catalogue.leaf[item]] = True
    return found


def join_chance(
    settings: MallSettings,
    campaigns: Campaigns,
    *,
    covered: np.ndarray,
    shoppers: Shoppers,
    tastes: Tastes,
    users: np.ndarray,
    wanted: np.ndarray,
    campaign: np.ndarray,
) -> np.ndarray:
    """Returns the chance to join, once the page is opened.

    Args:
      settings: How far taste matters.
      campaigns: All of them.
      covered: As `leaves_covered` returns.
      shoppers: Who they are.
      tastes: Of the day.
      users: int [n], rows of shoppers.
      wanted: int [n], leaf that each is after, -1 for none.
      campaign: int [n], rows of campaigns, -1 for none.

    Returns:
      float64 [n], of no meaning where there is no campaign.
    """
    chance = np.full(len(users), JOIN_CHANCE)
    if not settings.joining_taste or not len(campaigns):
        return chance
    known = np.maximum(campaign, 0)
    weight = np.exp(0.8 * tastes.strengths[users])
    weight /= weight.sum(1, keepdims=True)
    inside = covered[known[:, None], tastes.leaves[users]]
    pull = (weight * inside).sum(1)
    wants = covered[known, np.maximum(wanted, 0)] & (wanted >= 0)
    thrifty = np.isin(np.array(campaigns.kinds), _FOR_THE_THRIFTY)[known]
    purse = _USUAL_PRICE_LEVEL - shoppers.price_level[users]
    gain = (
        _INTERESTS * (pull - _USUAL_PULL)
        + _WANTED * wants
        + _THRIFT * thrifty * purse
        + _DISCOUNT * (campaigns.discount[known] - _USUAL_DISCOUNT)
    )
    usual = np.log(JOIN_CHANCE / (1 - JOIN_CHANCE))
    return 1 / (1 + np.exp(-(usual + settings.joining_taste * gain)))
