"""Items of a shop, cleaned; and how tables of Examples are read and kept."""
