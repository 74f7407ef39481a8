"""Adapters: what sits on a frozen model and is trained in its place."""
