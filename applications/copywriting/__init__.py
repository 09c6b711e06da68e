"""Texts for shoppers: why an item is shown, what it is, what a campaign is."""
