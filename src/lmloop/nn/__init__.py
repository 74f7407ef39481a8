"""Networks: the one floor that imports torch."""
