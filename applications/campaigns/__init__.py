"""Campaigns for a person: learned from a run's log, served beside its model."""
