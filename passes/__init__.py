"""One pass a file: what TensorRT refuses or gets wrong, and what to do about it."""
