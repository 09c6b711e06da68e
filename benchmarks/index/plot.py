"""Recall over speed, as a picture."""

import pathlib

from matplotlib import pyplot

_SIZE = (5.5, 4.2)


def draw(result: dict, path: pathlib.Path) -> None:
    """Draws what `comparison.bench` returned; the ending says the format.

    One panel for each size of the batch: up and to the right is better.
    """
    measured = result["measured"].values()
    names = list(next(iter(measured)))
    batches = list(next(iter(measured))[names[0]]["cpu_ms"])
    figure, panels = pyplot.subplots(
        1,
        len(batches),
        figsize=(_SIZE[0] * len(batches), _SIZE[1]),
        sharey=True,
        squeeze=False,
    )
    for panel, batch in zip(panels[0], batches, strict=True):
        for name in names:
            points = sorted(
                (row[name]["recall"], 1000 / row[name]["cpu_ms"][batch])
                for row in measured
            )
            panel.plot(*zip(*points, strict=True), marker="o", label=name)
        panel.set(yscale="log", xlabel="recall of the 100 nearest")
        panel.set_title(f"batches of {batch}")
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("queries a second of one processor")
    panels[0][-1].legend()
    figure.suptitle(
        f"{result['items']:,} vectors of {result['dimension']} numbers"
    )
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
