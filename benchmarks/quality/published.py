"""What others published on the same splits; nothing here ran on this machine.

Figures of papers differ in how an epoch is chosen and ties are broken, and
come without intervals, so they stand apart from what the benchmark measured.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Published:
    """A figure from a paper.

    Attributes:
      model: As the source calls it.
      hr: HR@10.
      ndcg: NDCG@10.
      source: Where it stands.
    """

    model: str
    hr: float
    ndcg: float
    source: str


_ESASREC = (
    "Tikhonovich et al. 2025, arXiv 2508.06450, table of the repository "
    "blondered/transformer_benchmark"
)
_REPORTED = f"reported elsewhere, collected in {_ESASREC}"
_RUN = f"run by its authors: {_ESASREC}"

# Amazon Beauty, 5-core, leave-one-out, all 12,101 items ranked.
BEAUTY = (
    Published("SASRec", 0.0605, 0.0318, _REPORTED),
    Published("S3-Rec", 0.0647, 0.0327, _REPORTED),
    Published("TIGER", 0.0648, 0.0384, _REPORTED),
    Published("CL4SRec", 0.0681, 0.0299, _REPORTED),
    Published("ActionPiece", 0.0775, 0.0424, _REPORTED),
    Published("LSAN", 0.0785, 0.0410, _REPORTED),
    Published("HSTU", 0.0788, 0.0439, _RUN),
    Published("FuXi-α", 0.0809, 0.0451, _RUN),
    Published("DuoRec", 0.0845, 0.0443, _REPORTED),
    Published("SASRec, sampled softmax", 0.0921, 0.0531, _RUN),
    Published("eSASRec", 0.0928, 0.0523, _RUN),
)
OF_DATASET = {"beauty": BEAUTY}
