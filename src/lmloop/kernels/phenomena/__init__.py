"""Phenomena of learning, small enough to be watched on a CPU within a minute: no torch, every step in the open."""
