"""Raw events to ranking examples, sequences, histories; all counted."""
