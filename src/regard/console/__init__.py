"""Console: a browser's face on what serving exposes; it renders, and computes nothing."""
