"""Files: models and arrays, read without loading weights, written whole or not at all."""
