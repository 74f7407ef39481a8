"""datatrove's reading of a text: the same words, the same normal form, the same decisions."""
