"""The graph that answers: retrieve, leave out, rank, in one SavedModel."""
