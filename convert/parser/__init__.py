"""The word of TensorRT's own parser, and its messages in plain words."""
