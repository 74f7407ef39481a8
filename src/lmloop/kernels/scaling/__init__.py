"""Scaling laws: fitting the loss of many runs, and saying what the fit is worth."""
