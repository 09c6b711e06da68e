"""The curves as a picture: shares of the page, and what they cost."""

import pathlib

from matplotlib import pyplot

_SIZE = (11.0, 8.0)
_NAMES = {
    "thompson": "quota, Thompson sampling",
    "greedy": "quota, greedy",
    "random": "quota, random",
    "boost": "boost of rarely chosen items",
}


def draw(result: dict, path: pathlib.Path) -> None:
    """Draws what `figures.measured` returned; the ending says the format.

    Args:
      result: `curves`, and `bandit` where there is a ground truth.
      path: Ends in .png, .svg or .pdf; written whole or not at all.
    """
    figure, panels = pyplot.subplots(2, 2, figsize=_SIZE)
    for panel, share in zip(panels[0], ("new", "tail"), strict=True):
        for way, points in result["curves"].items():
            panel.plot(
                [point[share] for point in points],
                [point["ndcg"] for point in points],
                marker="o",
                label=_NAMES[way],
            )
        panel.set(xlabel=f"share of the slots: {share} items", ylabel="NDCG")
    for way, points in result["curves"].items():
        if "clicks" in points[0]:
            panels[1][0].plot(
                [point["new"] + point["tail"] for point in points],
                [point["clicks"] for point in points],
                marker="o",
                label=_NAMES[way],
            )
    panels[1][0].set(
        xlabel="share of the slots: new and tail items",
        ylabel="expected clicks a page",
    )
    for policy, told in result.get("bandit", {}).get("policies", {}).items():
        panels[1][1].plot(
            range(1, 1 + len(told["regret"])), told["regret"], label=policy
        )
    panels[1][1].set(
        xlabel="day of exploring new items",
        ylabel="regret, expected clicks, cumulative",
    )
    for panel in panels.flat:
        panel.grid(alpha=0.3)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize="small")
    figure.tight_layout()
    half = path.with_name(f".part.{path.name}")
    figure.savefig(half)
    pyplot.close(figure)
    half.replace(path)
