"""Goals: what tuning minimises. One file each, with its publication; their settings are in ``settings.py``."""
