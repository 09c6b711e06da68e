"""Pictures of items to vectors."""
