"""The floor that everything stands on: what flows, what acts on it, and how it is run and kept."""
