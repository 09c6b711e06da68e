"""How many of those who saw a campaign took part, as known at some moment."""

import numpy as np
from numpy.typing import NDArray

from applications.campaigns.settings import CampaignSettings
from applications.campaigns.views import Views


class Popularity:
    """Shares of viewers who took part, by campaign and by kind.

    A view counts once its window is over, as what comes of it is not known
    before: what is told of a moment knows nothing later.
    """

    def __init__(
        self,
        views: Views,
        kinds: NDArray[np.int32],
        settings: CampaignSettings,
    ):
        """Counts.

        Args:
          views: All that may be asked about, and those before.
          kinds: int32 [C], kind of each campaign.
          settings: The window, and what the kind's share counts for.
        """
        self._kinds = kinds
        self._prior = settings.prior_views
        order = np.argsort(views.timestamp, kind="stable")
        self._known_at = views.timestamp[order] + settings.window_seconds
        self._campaign = views.campaign[order]
        self._took_part = views.took_part[order].astype(np.float64)

    def at(
        self, timestamps: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns the shares at some moments.

        Args:
          timestamps: int64 [T], Unix seconds.

        Returns:
          Of campaigns and of their kinds, float64 [T, C, heads] each, above 0
          and below 1: those of few views are drawn to the kind's, the kind's
          to that of all, that of all to one half.
        """
        seen, took_part = self._counts(timestamps)
        every = _share(
            took_part.sum(1, keepdims=True), seen.sum(1, keepdims=True), 0.5, 1
        )
        same = self._kinds[:, None] == self._kinds
        of_kind = _share(
            np.einsum("tch,cd->tdh", took_part, same.astype(float)),
            np.einsum("tch,cd->tdh", seen, same.astype(float)),
            every,
            self._prior,
        )
        return _share(took_part, seen, of_kind, self._prior), of_kind

    def _counts(self, timestamps):
        shape = (len(timestamps), len(self._kinds), self._took_part.shape[1])
        seen, took_part = np.zeros(shape), np.zeros(shape)
        for campaign in np.unique(self._campaign):
            rows = np.flatnonzero(self._campaign == campaign)
            number = np.searchsorted(
                self._known_at[rows], timestamps, side="right"
            )
            total = np.cumsum(self._took_part[rows], axis=0)
            total = np.concatenate([np.zeros_like(total[:1]), total])
            seen[:, campaign] = number[:, None]
            took_part[:, campaign] = total[number]
        return seen, took_part


def logits(shares: NDArray[np.float64]) -> NDArray[np.float32]:
    """Returns the logits of shares, as features have them.

    >>> [round(x, 4) for x in logits(np.array([0.5, 0.75])).tolist()]
    [0.0, 1.0986]
    """
    return np.log(shares / (1 - shares)).astype(np.float32)


def _share(took_part, seen, prior, weight):
    return (took_part + weight * prior) / (seen + weight)
