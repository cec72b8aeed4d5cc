"""How outputs are compared: metrics and tolerances, noise, golden files, a model against itself."""
