"""Operators on batches of records, one file each; the file name is the name a recipe uses."""
