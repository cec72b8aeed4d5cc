"""What the parser says of the network as a whole, and of what it has not understood of a node."""

from __future__ import annotations

from trtconv.parser.messages.message import FIX, Message

MESSAGES = (
    Message(
        r"nested structures that exceed the maximum",
        "subgraphs or functions lie more than 24 deep in one another",
        "inline functions and unroll constant loops in the export",
    ),
    Message(
        r"Node input was not registered|input .{0,80}? was not registered",
        "a node reads a tensor that nothing before it writes: the file is damaged, or its nodes are out of order",
        "`trtconv fix` sorts nodes that are out of order; a tensor that nothing writes needs another export",
    ),
    Message(
        r"Pre-opset 7 broadcasting",
        "the parser takes the model for older than opset 7: it is, or it imports no standard operator set",
        FIX + " in the second case; in the first, convert the opset with onnx.version_converter",
        ("missing-opset-import", "old-broadcasting"),
    ),
    Message(
        r"Failed to convert ONNX dimensions|Number of dimensions \(\d+\) is not in the valid range",
        "a tensor has more than eight dimensions",
        "merge dimensions that stay together in the export",
        ("too-many-dimensions",),
    ),
    Message(
        r"Parse was called with a non-empty network",
        "a network is parsed into once only",
        "make a new network for each attempt",
    ),
    Message(
        r"tensors(?:\(\))?\.count\(input_?[nN]ame\)",
        "the node reads a tensor that this old parser has not got: an optional input that is left out, or a weight "
        "that is no graph input (those came with IR version 4)",
        "`trtconv fix --target tensorrt-7.0` writes the forms that 7.0 reads; else use a newer TensorRT",
        ("trailing-empty-inputs", "unfolded-constants"),
    ),
    Message(
        r"tensors\(\)\.at\(output\.name\(\)\)\.is_tensor\(\)",
        "an output of the network is a constant, which this parser cannot hand out",
        "leave the output away, or make it depend on an input",
    ),
    Message(
        r"Network must have at least one output|layerIndex >= 0",
        "the network is empty, because the parser stopped before",
        "look at the first error of the log, and at what `parser.parse` returns; `trtconv lint` says what it stops at",
    ),
    Message(
        r"newer ir_version",
        "the file format is newer than this parser; it reads what it knows, and other messages say where that fails",
        "nothing, where it parses; else save with the IR version of an older onnx",
    ),
    Message(
        r"Invalid Node - (?P<node>\S+)",
        "the layers that this node became do not fit together; what follows the name says why",
        "`trtconv lint` names the cause where a pass knows it",
    ),
    Message(
        r"UNSUPPORTED_NODE: (?:Assertion failed: )?false|Assertion failed: false\b",
        "the parser refuses the operator by its name alone, without looking at it",
        "`trtconv fix` writes it in simpler operators where that can be done",
        ("missing-operator",),
    ),
)
