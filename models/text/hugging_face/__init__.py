"""Checkpoints as Hugging Face's hub keeps them, read without its libraries."""
