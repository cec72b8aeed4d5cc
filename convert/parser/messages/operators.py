"""What importers say of single operators."""

from __future__ import annotations

from trtconv.parser.messages.message import FIX, FOLD, Message

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
    # --- forms ---
    Message(
        r"GEMM must have 2D inputs|scatter has duplicate index|set(?:Pre|Post)Padding: .{0,60}Parameter check failed",
        "the node is in a form that ONNX defines no result for: a Gemm of other than matrices, a Slice that names an "
        "axis twice, negative pads",
        "write MatMul and Add for the Gemm, one Slice a bound, a Slice for negative pads",
        ("undefined-form",),
    ),
    Message(
        r"convertAxis|axis >= 0 && axis < nbDims",
        "an axis lies outside the tensor, as far as the parser can tell how many axes it has",
        "`trtconv lint` names the node; compare its axis with the rank of its input, which another rank in front of it "
        "may have changed",
    ),
    Message(
        r"combineTensorsElementwise|nbDims == combined",
        "the operands have different numbers of axes, which this old parser does not bring together",
        "give both the same rank in the export, or use a TensorRT of the last years",
    ),
    Message(
        r"support sequence_lens input",
        "the Scan of opset 8 says how long each sequence is",
        FIX + " where all have the full length; else export with opset 9",
        ("refused-scan",),
    ),
    Message(
        r"shape of the (?:scale|bias|mean|variance) input must be \(C",
        "a BatchNormalization has parameters for every place, not for every channel",
        FIX,
        ("batch-norm-parameters",),
    ),
    Message(
        r"addConvolutionNd|Deconvolution input must be at least 3D",
        "a convolution goes over more than three axes",
        "convolve over three axes, and sum over the kernel of the fourth",
        ("convolution-of-many-axes",),
    ),
    Message(
        r"shape of input (?:starts|ends) misaligns",
        "how many starts or ends the Slice has is not known",
        "give the tensor of starts a fixed length in the export",
        ("computed-argument",),
    ),
    Message(
        r"Running layernorm after self-attention in FP16",
        "a layer normalization stands in the graph in parts, which overflow in half precision",
        "export with opset 17 or newer; `trtconv fix` fuses the parts there",
        ("exploded-layer-normalization",),
    ),
)
