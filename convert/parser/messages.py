"""What TensorRT's own texts mean: one row a message, from the parser's sources, the documentation and issue threads.

A pattern is a regular expression that is searched for in the text; its groups fill the placeholders of the words.
The first rows that match a piece of text win, so the particular come before the general.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """A text of TensorRT: what it means, what to do next, and the passes that are about it."""

    pattern: str
    means: str
    do: str
    passes: tuple[str, ...] = ()


FIX = "`trtconv fix` rewrites it"
FOLD = "`trtconv fix` folds constants first, which often is all it takes; else make the value a constant in the export"

MESSAGES = (
    # --- operators ---
    Message(
        r"(?:No importer registered for op|no importer for(?: op)?):? ?(?P<op>\w+)",
        "this parser does not know the operator {op}, and looked for a plugin of that name, in vain",
        "`trtconv fix` writes it in simpler operators where that can be done; else load a plugin that computes it",
        ("missing-operator", "foreign-operator"),
    ),
    Message(
        r"(?:getPluginCreator|Plugin).{0,40}?(?:could not find|not find) [Pp]lugin:? ?(?P<op>\w+)",
        "there is no plugin {op}: the parser knows no operator of that name",
        "`trtconv fix` writes it in simpler operators where that can be done; else load a plugin that computes it",
        ("missing-operator", "foreign-operator"),
    ),
    Message(
        r"(?P<op>\w+) [Pp]lugin (?:creator .{0,12})?was not found in (?:the )?plugin registry",
        "the parser hands {op} on to a plugin that is not part of this product, or not loaded",
        "load the plugin library (libnvinfer_plugin) if the product has one; TensorRT-RTX has none for it",
        ("missing-operator",),
    ),
    Message(
        r"failed to load (?P<op>\w+) plugin",
        "the parser hands {op} on to a plugin that is not part of this product",
        "`trtconv fix` writes it in simpler operators where that can be done",
        ("missing-operator",),
    ),
    Message(
        r"Plugin not found",
        "the operator is not supported: what the parser does not know it takes for the name of a plugin",
        "`trtconv fix` writes it in simpler operators where that can be done; else load a plugin that computes it",
        ("missing-operator", "foreign-operator"),
    ),
    Message(
        r"Node has more output tensors than TRT expected|doesn't support mode than 1 outputs",
        "the node is asked for optional outputs that TensorRT does not compute",
        FIX,
        ("unread-outputs", "normalization-statistics", "max-pool-indices"),
    ),
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
        r"Failed to import initializer",
        "the data of a weight cannot be read: an external file is missing or too short, or its element type is unknown",
        "keep the model together with its weight files; `trtconv lint` names element types that the target lacks",
        ("unsupported-integer-type",),
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
        "TensorRT has no element type {type}",
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
        "write it as a - b * floor(a / b)",
    ),
    Message(
        r"does(?:n't| not) support INT32 inputs for (?P<op>\w+)",
        "{op} of integers is not computed by TensorRT",
        "cast the inputs to FLOAT before and back after, if the values stay below 2^24",
    ),
    Message(
        r"attempt to cast down to INT32|[Yy]our ONNX model has been generated with INT64",
        "before TensorRT 9 INT64 becomes INT32, its values clamped: harmless for shapes and indices",
        "nothing, unless the graph computes with values beyond 2^31",
    ),
    Message(
        r"For INT32 tensors, the output type must also be INT32|does not match the ONNX specification type",
        "a graph output declares another element type than the network computes",
        "declare what is computed, or put a Cast before the output",
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
        r"requires 3 inputs for the (?:Quantize|Dequantize)Linear|Scale coefficients must all be positive",
        "the scale or zero point of a Q/DQ pair is missing or not positive",
        "`trtconv fix` writes the zero point; positive scales are for the export",
        ("omitted-zero-point",),
    ),
    # --- Pad ---
    Message(
        r"only supports constant 0 padding|Unsupported pad mode",
        "this version pads with zeros only",
        FIX,
        ("refused-pad-mode", "refused-pad-value"),
    ),
    Message(
        r"padding on the outer two dimensions|only supports 2D padding",
        "this version pads the last two axes only",
        FIX,
        ("pad-outside-image",),
    ),
    Message(r"Failed to convert padding", "negative pads, which crop, are refused", FIX, ("negative-pads",)),
    Message(
        r"pads input must be 1D|pads should be (?:a 1D|twice)",
        "the number of pads does not fit the number of axes",
        FOLD,
        ("pad-with-axes", "computed-pads"),
    ),
    # --- pools ---
    Message(
        r"does not support dilations other than 1",
        "no version pools with dilations",
        FIX,
        ("dilated-max-pool", "dilated-average-pool"),
    ),
    Message(
        r"supported_form_of_asymmetric_padding_for_AveragePool|support the form of the attribute pads",
        "this version averages over symmetric pads only",
        FIX,
        ("asymmetric-average-pool",),
    ),
    Message(
        r"kernel_shape misaligns with the shape",
        "pools have one to three spatial axes",
        FIX,
        ("pool-of-many-axes",),
    ),
    Message(
        r"Pads attribute should not be specified with SAME",
        "auto_pad and pads are given both",
        FIX,
        ("auto-pad-with-pads",),
    ),
    Message(r"Only L1 and L2 normalization", "LpPool is computed for p of 1 and 2 only", FIX, ("unsupported-lp-pool",)),
    # --- Resize ---
    Message(
        r"only supports? (?:asymmetric|half_pixel)[\w, ]*|only supports .* when (?:sizes|scales) are provided"
        r"|Unsupported coordinate transformation mode|round_prefer_floor|only supports floor nearest_mode",
        "this version does not sample in that coordinate or rounding mode",
        FIX,
        ("resize-coordinates",),
    ),
    Message(r"does not support cubic interpolation", "cubic Resize needs TensorRT 8.5", FIX, ("cubic-resize",)),
    Message(r"Antialiasing is not supported", "no version filters while it scales down", FIX, ("antialiased-resize",)),
    Message(r"Only `?stretch`? is supported", "the aspect ratio policy is not computed", FIX, ("resize-aspect-ratio",)),
    Message(
        r"shape of input scales must align with the input rank|`axes` attribute is supported with",
        "this version does not read the axes of Resize",
        FIX,
        ("resize-with-axes",),
    ),
    Message(
        r"linear resizing on the outermost 3|on the outermost 2 dimensions",
        "the innermost axes only are resized",
        FIX,
        ("outer-axis-resize",),
    ),
    # --- others ---
    Message(
        r"K exceeds the maximum value allowed",
        "no TensorRT sorts out more than 3840 values at a time",
        FIX + " for rows of up to 4096 values; else ask for fewer",
        ("large-top-k",),
    ),
    Message(
        r"Coupled input/forget is unsupported|activations for the reverse pass .{0,20}do not match",
        "the LSTM, GRU or RNN has coupled gates, or other activations in its second direction",
        FIX,
        ("recurrence-form",),
    ),
    Message(
        r"since no trip limit was set",
        "the Loop collects an output of every turn, and nothing says how many turns there can be",
        "give the loop a limit that is a number, and leave it by a condition",
        ("open-loop",),
    ),
    Message(
        r"Failed to convert ONNX dimensions|Number of dimensions \(\d+\) is not in the valid range",
        "a tensor has more than eight dimensions",
        "merge dimensions that stay together in the export",
        ("too-many-dimensions",),
    ),
    Message(
        r"does not support training_mode == 1|Dropout operator in training mode",
        "the model was exported in training mode",
        "export it after `model.eval()`; `trtconv fix` writes BatchNormalization out as it stands",
        ("batch-statistics", "refused-dropout"),
    ),
    Message(
        r"input tensor cannot be an initializer|Unsupported data type in random",
        "random numbers are made like a computed tensor only, and in FLOAT or FLOAT16",
        FIX,
        ("random-numbers",),
    ),
    Message(
        r"only supports InstanceNormalization on 3D|InstanceNormalization does not support dynamic inputs",
        "this version normalises tensors of 3 to 5 axes, 7.0 of fixed shapes only",
        FIX,
        ("instance-normalization-form",),
    ),
    Message(
        r"asymmetrical padding for 3D deconvolutions",
        "a ConvTranspose over three axes has other pads at the end than at the beginning",
        FIX,
        ("uneven-transposed-convolution",),
    ),
    Message(r"Trilu input must have 2 or 3", "Trilu has more than one batch axis", FIX, ("triangle-of-many-axes",)),
    Message(
        r"Cannot infer squeeze dimensions from a dynamic shape",
        "Squeeze names no axes, and which dimensions are 1 is known at run time only",
        "give `squeeze` its dimension in the export",
        ("axes-as-input",),
    ),
    Message(
        r"[Rr]ange operator with dynamic inputs|input types for Range",
        "this version makes no Range of this element type",
        "`torch.arange` of integers, and scale afterwards; `trtconv fix` does so for half precision",
        ("range-type",),
    ),
    Message(
        r"Pre-opset 7 broadcasting",
        "the parser takes the model for older than opset 7: it is, or it imports no standard operator set",
        FIX + " in the second case; in the first, convert the opset with onnx.version_converter",
        ("missing-opset-import",),
    ),
    Message(
        r"Invalid character\(s\) in Einsum equation",
        "this version reads lower-case letters only",
        FIX,
        ("einsum-form",),
    ),
    Message(
        r"IIfConditionalOutputLayer|[Ii]f-conditional.*(?:same shape|branches)|IIfConditional",
        "the branches of an If give different shapes or ranks, which TensorRT wants equal; nearly always a condition "
        "that is known when the model is exported (squeeze of a dimension that may be 1)",
        "`trtconv fix` folds the condition and keeps one branch; give a static input shape if it depends on one",
        ("constant-condition", "unfolded-constants"),
    ),
    Message(
        r"cannot infer the shape of scan output|\[?ILoop|loop.{0,30}must have the same (?:shape|dimensions)",
        "what a Loop carries or collects changes its shape from turn to turn",
        "unroll the loop in the export, or give it a constant number of turns",
    ),
    Message(
        r"\bk(?:OPT|MIN|MAX)\b|has dynamic or shape inputs, but no optimization profile|optimization profile",
        "a dynamic dimension has no range, or one that its consumers cannot have",
        "`trtconv build --shapes input:min-opt-max`; `trtconv build` without --shapes lists the dynamic inputs",
    ),
    # --- builder and engine ---
    Message(
        r"has no runners that implement it|layerImpls\.empty\(\)",
        "the builder has no kernel for the layer: the parser took it, but this product cannot run it",
        "`trtconv lint` tells whether a pass is about it; else the operator has to leave the network",
        ("missing-operator",),
    ),
    Message(
        r"\{ForeignNode\[(?P<first>[^\]]*?)(?:\.\.\.(?P<last>[^\]]*?))?\]\}",
        "the builder found no way to run the nodes from {first} to {last}, which it wanted as one fused kernel",
        "`trtconv fix` often helps, by folding shape arithmetic; else give more --workspace, or make one tensor in "
        "between an output, which splits the fusion and shows which half it is",
        ("unfolded-constants",),
    ),
    Message(
        r"[Cc]ould not find any (?:implementation|supported formats)",
        "the builder has no kernel for this layer in this precision, shape or amount of workspace",
        "give more --workspace; keep the layer in FP32; `trtconv fix` may rewrite it",
    ),
    Message(
        r"[Vv]ersion tag does not match|stdVersionRead == .*serializationVersion"
        r"|The engine plan file is (?:not compatible|generated on an incompatible)",
        "the engine was built by another version of TensorRT (or for another kind of GPU) than the one that loads it",
        "build it again with the version that loads it; ENGINE.json beside the engine names the one that built it",
    ),
    Message(
        r"Parse was called with a non-empty network",
        "a network is parsed into once only",
        "make a new network for each attempt",
    ),
    Message(
        r"[Cc]uda (?:failure|error)|CUDA initialization failure|cudaGetDevice|Error Code 1: Cuda Runtime",
        "the CUDA driver or a GPU is missing, or does not fit this TensorRT",
        "`trtconv doctor` says what this machine has; TensorRT-RTX builds without a GPU",
    ),
    Message(
        r"[Oo]ut of memory|insufficient memory|Requested amount of GPU memory",
        "there is not enough GPU memory for a tactic, or for the engine",
        "give less --workspace, smaller maximum shapes, or a larger GPU",
    ),
    Message(
        r"was not expected!|Failed to open.{0,10}file|cannot be imported into TensorRT!",
        "the weights that belong to the model were not found or cannot be read",
        "keep the model together with its weight files, and parse from a path, not from bytes",
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
