"""What users are after now, and what they will buy: a job from raw logs."""
