"""Warm-up requests of the servable of campaigns."""

from collections.abc import Iterator

import numpy as np

from models.campaigns.recommender import (
    CAMPAIGN_IDS,
    CAMPAIGN_TYPES,
    DEFAULT_K,
    EXCLUDE,
    SIGNATURE,
)
from models.requests import REQUEST
from models.serving_graph.inputs import K


def warmup_requests(
    persons: dict[str, np.ndarray],
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Makes requests out of what real users did.

    Each is asked once with what it did with campaigns, the latest left out of
    the answer, and once without, as who has not seen any.

    Args:
      persons: Inputs of B users: a request, `CAMPAIGN_IDS` and
        `CAMPAIGN_TYPES`.

    Yields:
      Name of the signature, and its inputs for one user.
    """
    nothing = np.full((1, 1), "", object)
    k = np.array([DEFAULT_K], np.int32)
    for user in range(len(persons["timestamp"])):
        one = {name: value[user : user + 1] for name, value in persons.items()}
        past = [name for name in one[CAMPAIGN_IDS][0] if name]
        latest = np.array([["", *past[-1:]]], object)
        yield SIGNATURE, one | {EXCLUDE: latest, K: k}
        blank = {CAMPAIGN_IDS: nothing, CAMPAIGN_TYPES: nothing}
        request = {feature.name: one[feature.name] for feature in REQUEST}
        yield SIGNATURE, request | blank | {EXCLUDE: nothing, K: k}
