"""Cost over size, as a picture."""

import pathlib

import matplotlib
from matplotlib import pyplot

_SIZE = (3.4, 3.2)
_COLUMNS = 3
# So that the same figures give the same file.
_NO_DATE = {".svg": {"Date": None}}


def draw(result: dict, path: pathlib.Path) -> None:
    """Draws what `comparison.bench` returned; the ending says the format.

    A panel for each thing that grows, both axes logarithmic: a cost that
    grows as its work does rises by as much as it goes to the right.
    """
    rows = result["stages"]
    kinds = list(dict.fromkeys(row["grows"] for row in rows))
    lines = -(-len(kinds) // _COLUMNS)
    # Text stays text: small, and read by whoever reads the file.
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure, panels = pyplot.subplots(
            lines,
            _COLUMNS,
            figsize=(_SIZE[0] * _COLUMNS, _SIZE[1] * lines),
            squeeze=False,
        )
        for panel in panels.flat[len(kinds) :]:
            panel.set_visible(False)
        for panel, kind in zip(panels.flat, kinds, strict=False):
            for row in rows:
                if row["grows"] == kind:
                    panel.plot(
                        row["sizes"],
                        [one["cpu_seconds"] for one in row["measured"]],
                        marker="o",
                        label=f"{row['name']}, {row['exponent']:.2f}",
                    )
            panel.set(xscale="log", yscale="log", xlabel=kind)
            # Ticks between the powers of ten are most of a file's size.
            panel.minorticks_off()
            panel.grid(alpha=0.3)
            panel.legend(fontsize=7)
        for line in panels:
            line[0].set_ylabel("processor seconds")
        figure.suptitle("cost of each stage, with its exponent")
        figure.tight_layout()
        figure.savefig(path, metadata=_NO_DATE.get(path.suffix))
        pyplot.close(figure)
