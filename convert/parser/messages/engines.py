"""What builder and runtime say: of shapes, kernels, memory, and of engines themselves."""

from __future__ import annotations

from trtconv.parser.messages.message import Message

MESSAGES = (
    # --- shapes ---
    Message(
        r"is a shape tensor and must have type Int32 or Int64",
        "a shape is computed from an input of floating point numbers, which TensorRT would have to know before it runs",
        "feed sizes as INT64, or take them from the shape of a tensor",
        ("data-dependent-shape",),
    ),
    Message(
        r"input has static dimensions|[Ss]tatic dimension mismatch",
        "a size is fixed in the file or the engine, and another one was asked for",
        "export the model with that dimension dynamic, and give its range: `trtconv build --shapes input:min-opt-max`; "
        "else ask for the size that it has",
    ),
    Message(
        r"reshape (?:changes|would change) volume",
        "a Reshape is asked for another number of elements than its input has: often the batch size of the export is "
        "written into it",
        "export with a dynamic batch, or build and feed the sizes that the model was exported with",
    ),
    Message(
        r"missing values for shape input tensor (?P<tensor>[^\s.]+)",
        "the values of the input {tensor} decide a shape, and the optimization profile holds none for it",
        "`trtconv build --shapes NAME=1-4-8` gives the least, the usual and the largest value",
    ),
    Message(
        r"cannot be used to compute a shape tensor|can ?not be used as shape tensor|applied to shape tensor must",
        "a shape is computed by an operator, or in a form, that TensorRT does not compute shapes with",
        "`trtconv fix` folds shape arithmetic, which often does away with it; else fix the sizes in the export",
        ("unfolded-constants", "data-dependent-shape"),
    ),
    Message(
        r"violate shape constraints|dimensions not compatible|broadcast dimensions must be conformable",
        "the sizes of two tensors do not fit each other, for the shapes that were asked for",
        "give shapes that the network allows: often height and width have to be multiples of its stride",
    ),
    Message(
        r"\bk(?:OPT|MIN|MAX)\b(?!.*input has static dimensions)"
        r"|has dynamic or shape inputs, but no optimization profile|optimization profile",
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
        r"\{ForeignNode\[(?P<first>.+?)(?:\.\.\.(?P<last>.+?))?\]\}",
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
        r"[Cc]uda (?:failure|error)|CUDA initialization failure|cudaGetDevice"
        r"|Error Code 1: Cuda Runtime(?! \(out of memory)",
        "the CUDA driver or a GPU is missing, or does not fit this TensorRT",
        "`trtconv doctor` says what this machine has; TensorRT-RTX builds without a GPU",
    ),
    Message(
        r"[Oo]ut ?[Oo]f ?[Mm]emory|insufficient memory|Requested amount of GPU memory",
        "there is not enough GPU memory for a tactic, or for the engine",
        "give less --workspace, smaller maximum shapes, or a larger GPU",
    ),
    Message(
        r"lazy loading is not enabled",
        "a warning: CUDA loads every kernel when the program starts, which takes memory and time",
        "set CUDA_MODULE_LOADING=LAZY in the environment of the program",
    ),
    Message(
        r"[Mm]agic ?[Tt]ag",
        "the file is no engine of this product: an ONNX file, an engine of the other product, or a part of one",
        "load the file that `trtconv build` wrote, in binary mode and whole",
    ),
    Message(
        r"Address is not set for input tensor (?P<tensor>[^\s.]+)",
        "the program that runs the engine has given it no memory for {tensor}",
        "call `set_tensor_address` for every input and output before `enqueueV3`",
    ),
    Message(
        r"(?:Could not|Unable to) load library:? ?(?P<library>\S*)",
        "a library that TensorRT loads by itself was not found: {library}",
        "install what belongs to this version; `trtconv doctor` says what is there",
    ),
    Message(
        r"checkSanity|makeScopeNodesContiguous|MyelinCheckException",
        "the builder has tripped over itself: this is a fault of TensorRT, not of the model",
        "`trtconv fix` may give it another graph; else try another version, and report it to NVIDIA",
        ("unfolded-constants",),
    ),
)
