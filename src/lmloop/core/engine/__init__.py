"""The engine: bulk work over shards in worker processes, killed at any moment and finished the next time."""
