"""trtconv: make an exported ONNX graph a TensorRT engine."""

__version__ = "0.1.0"
