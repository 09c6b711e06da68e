"""Lets tests import what several of them share: `tests.<module>`."""

import pathlib
import sys

ROOT = str(pathlib.Path(__file__).parent.parent)
if ROOT not in sys.path:
    sys.path.append(ROOT)
