"""Compiled loops over Arrow buffers: segmentation, counting, repetition, hashing, signatures."""
