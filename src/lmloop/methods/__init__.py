"""Ways to tune a model: one file a method; what they build is in ``nn/adapters``."""
