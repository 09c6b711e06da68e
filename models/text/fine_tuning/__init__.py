"""Trains a text encoder together with what reads its vectors."""
