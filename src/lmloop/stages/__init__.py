"""Steps of a recipe, one file each; they meet only through folders."""
