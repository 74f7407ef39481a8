"""Evaluation tasks, one file a family; the file name is the name a recipe uses."""
