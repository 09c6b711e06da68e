"""Item understanding beside TF-IDF with logistic regression."""
