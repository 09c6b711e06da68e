"""Purchase intent beside rules and LightGBM."""
