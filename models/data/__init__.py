"""Data sets: where files and labels lie, and what becomes of a picture on its way into training or a measurement."""
