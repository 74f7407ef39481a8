"""Serving: any model of ours behind the interface that OpenAI's servers have."""
