"""Artifact types of our own nodes; docs/architecture.md lists their files.

On Kubeflow a container finds a type by importing its name, which may have one
dot only (`components/__init__.py` has them), and knows no properties of such
types: facts about an artifact are custom properties.
"""

from tfx.types import artifact


class DataReport(artifact.Artifact):
    """Counts of rows, and the rows that were put aside with their reason."""

    TYPE_NAME = "components.DataReport"


class UserHistories(artifact.Artifact):
    """The last steps of every user, as a request to the servable has them."""

    TYPE_NAME = "components.UserHistories"


class Queries(artifact.Artifact):
    """Distinct search texts with their counts."""

    TYPE_NAME = "components.Queries"


class TextVectors(artifact.Artifact):
    """Vectors of item texts and of queries, and which encoder made them."""

    TYPE_NAME = "components.TextVectors"


class ItemIndex(artifact.Artifact):
    """A trained ScaNN searcher with the vectors that it was trained on."""

    TYPE_NAME = "components.ItemIndex"


class RetrievalEvaluation(artifact.Artifact):
    """Full-catalogue metrics of the model beside its baselines."""

    TYPE_NAME = "components.RetrievalEvaluation"


class UpdatePlan(artifact.Artifact):
    """Which version training goes on with, and what is new since."""

    TYPE_NAME = "components.UpdatePlan"


class ServingReport(artifact.Artifact):
    """Signatures that a fresh process called, with their latency."""

    TYPE_NAME = "components.ServingReport"
