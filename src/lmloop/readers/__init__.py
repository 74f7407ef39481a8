"""Readers of files, one file a format; the file name is the name a recipe uses."""
