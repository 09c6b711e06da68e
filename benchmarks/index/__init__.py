"""Each kind of index beside libraries of nearest neighbours, in one run."""

import schema.legacy_keras  # noqa: F401
