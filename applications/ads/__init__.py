"""Advertising: who is shown in the paid slots of a page, at what price."""
