"""Artifact types of our own nodes; docs/architecture.md lists their files.

Kubeflow wants names with a dot, and knows no properties of such types: facts
about an artifact are custom properties.
"""

from tfx.types import artifact


class DataReport(artifact.Artifact):
    """Counts of rows, and the rows that were put aside with their reason."""

    TYPE_NAME = "daogou.DataReport"


class UserHistories(artifact.Artifact):
    """The last steps of every user, as a request to the servable has them."""

    TYPE_NAME = "daogou.UserHistories"


class Queries(artifact.Artifact):
    """Distinct search texts with their counts."""

    TYPE_NAME = "daogou.Queries"


class TextVectors(artifact.Artifact):
    """Vectors of item texts and of queries, and which encoder made them."""

    TYPE_NAME = "daogou.TextVectors"


class ItemIndex(artifact.Artifact):
    """A trained ScaNN searcher with the vectors that it was trained on."""

    TYPE_NAME = "daogou.ItemIndex"


class RetrievalEvaluation(artifact.Artifact):
    """Full-catalogue metrics of the model beside its baselines."""

    TYPE_NAME = "daogou.RetrievalEvaluation"


class ServingReport(artifact.Artifact):
    """Signatures that a fresh process called, with their latency."""

    TYPE_NAME = "daogou.ServingReport"
