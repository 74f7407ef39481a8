"""What a run shows: blocks that a step leaves behind, and the page that draws them."""
