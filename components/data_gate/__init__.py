"""Fails the run on bad tables, which ExampleValidator alone does not."""
