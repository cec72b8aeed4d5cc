"""What TensorRT says of constants, element types and quantization."""

from __future__ import annotations

from trtconv.parser.messages.message import FIX, FOLD, Message

MESSAGES = (
    # --- weights ---
    Message(
        r"Failed to import initializer|convertOnnxWeights\(",
        "the data of a weight cannot be read: an external file is missing or too short, or its element type is unknown",
        "keep the model together with its weight files; `trtconv lint` names element types that the target lacks",
        ("unsupported-integer-type", "unsupported-element-type", "weights-out-of-reach"),
    ),
    Message(
        r"was not expected!|Failed to open.{0,10}file|cannot be imported into TensorRT!",
        "the weights that belong to the model were not found or cannot be read",
        "keep the model together with its weight files, and parse from a path, not from bytes",
    ),
    # --- constants ---
    Message(
        r"(?:is_weights\(\)|is required to be an initializer|must be (?:an )?initializer"
        r"|should be a constant tensor|only supports input K as an initializer|is not an initializer)",
        "an input that this version wants as a constant in the file is computed in the graph; even a Cast or an "
        "Identity of a constant counts as computed, since the parser does not fold",
        FOLD,
        ("unfolded-constants", "computed-pads", "computed-resize-scales"),
    ),
    Message(
        r"does not support dynamic axes|does not support dynamic depth",
        "axes (or a depth) are computed, or an input at all, in a version that wants them fixed",
        FIX,
        ("pad-with-axes", "unfolded-constants"),
    ),
    Message(
        r"Try applying constant folding on the model",
        "the parser wants a constant here and does not fold by itself",
        FOLD,
        ("unfolded-constants",),
    ),
    # --- element types ---
    Message(
        r"Unsupported ONNX data type: (?P<type>\w+)",
        "TensorRT computes nothing with the element type {type}",
        FIX,
        ("double-precision", "unsupported-integer-type", "unsupported-element-type"),
    ),
    Message(
        r"Found unsupported datatype \(\d+\)|Failed to convert ONNX date type|Unsupported data type for the Cast",
        "a tensor has an element type that TensorRT lacks (INT16, UINT16, UINT32, UINT64, strings, complex numbers)",
        FIX,
        ("unsupported-integer-type",),
    ),
    Message(
        r"does not support UINT8 types for intermediate tensors",
        "UINT8 is for network inputs and outputs only; nothing computes with it",
        FIX,
        ("unsupported-integer-type",),
    ),
    Message(
        r"does not support (?:activations|the given operator|INT32 or BOOL)|Found unsupported input type of \w+"
        r"|Only FLOAT, HALF|Only FLOAT32 or FLOAT16",
        "this operator does not take this element type",
        "`trtconv fix` puts Casts around it, or writes it in operators that take the type",
        ("unsupported-input-type", "integer-activation", "integer-product", "unsupported-integer-type", "resize-type"),
    ),
    Message(
        r"The fmod attribute is set to 0",
        "Mod of floating point numbers is computed with fmod=1 only, and of INT32 and INT64 only without",
        FIX,
        ("float-modulo", "unsupported-input-type"),
    ),
    Message(
        r"does(?:n't| not) support INT32 inputs for (?P<op>\w+)",
        "{op} of integers is not computed by TensorRT",
        FIX,
        ("integer-product", "integer-ranking"),
    ),
    Message(
        r"attempt to cast down to INT32|[Yy]our ONNX model has been generated with INT64",
        "before TensorRT 9 INT64 becomes INT32, its values clamped: harmless for shapes and indices",
        "nothing, unless the graph computes with values beyond 2^31",
    ),
    Message(
        r"For INT32 tensors, the output type must also be INT32|does not match the ONNX specification type",
        "a graph output declares another element type than the network computes",
        FIX,
        ("declared-output-type",),
    ),
    Message(
        r"must have the same type|[Tt]ypes? .{0,40}must be identical|elementwise inputs must have same type",
        "TensorRT promotes no types, and in a strongly typed network both inputs have to be of one type",
        "put a Cast before one of the inputs in the export; converters to FP16 often leave such pairs behind",
    ),
    # --- quantisation ---
    Message(
        r"zeroPt must be all zeros|Non-zero zero point is not supported|only supports symmetric quantization",
        "TensorRT quantises symmetrically: zero points have to be 0",
        "`trtconv fix` moves the zero point where that keeps the numbers; else quantise symmetrically",
        ("asymmetric-quantization",),
    ),
    Message(
        r"requires 3 inputs for the (?:Quantize|Dequantize)Linear",
        "this version wants the zero point of a Q/DQ pair spelled out",
        FIX,
        ("omitted-zero-point",),
    ),
    Message(
        r"Scale coefficients must all be positive",
        "a scale of a Q/DQ pair is 0 or negative: often that of a channel in which nothing but zeros was seen",
        FIX + ", but for a QuantizeLinear by 0",
        ("negative-scale",),
    ),
    Message(
        r"4-bit quantization requi|Sub-byte quantization with odd tensor volume",
        "4-bit weights of an odd number of elements leave half a byte over",
        FIX,
        ("odd-four-bit-count",),
    ),
    Message(
        r"outside the range of INT32 was clamped",
        "INT64 constants beyond 2^31 became the largest INT32: harmless for the end of a Slice that means all the rest",
        "`trtconv lint` names those that are not harmless",
        ("large-integers",),
    ),
)
