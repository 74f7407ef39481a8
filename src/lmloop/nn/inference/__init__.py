"""Asking a model much at once: what prompts share is read once, and rows come and go while others go on.

::

    requests ─▶ trie (what they share) ─▶ scoring | generation ─▶ network (any model), its attention done by a mixer

A network reads places of many texts as one long row. All that is not attention treats each place by itself, so only
the mixer (``mixing.py``) knows which place belongs to which text, and what of it was read before.
"""
