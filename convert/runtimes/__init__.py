"""What runs and builds models: ONNX Runtime in this process, TensorRT and TensorRT-RTX in a child."""
