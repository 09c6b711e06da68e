"""What each stage costs as its work grows (`daogou bench scaling`)."""
