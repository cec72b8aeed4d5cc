"""Measure what each TensorRT-RTX takes, and write `passes/core/rtx.json`.

    python tests/benchmarks/measure_rtx.py [--keep FOLDER] [VERSION ...]

Installs each wheel in an environment of its own, asks its parser which operators are registered, and sends the node
cases of the ONNX standard through parser and builder, on the CPU. Side inputs (axes, shapes, scales) are constants, as
in exported networks, and each case that asks for optional outputs goes a second time without them. Takes some minutes
for each version. With --keep, environments and verdicts stay in FOLDER for the next run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import venv
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, numpy_helper

DATA = Path(__file__).parents[2] / "passes" / "core" / "rtx.json"
VERSIONS = ("1.4.0.76", "1.5.0.114", "1.6.1.120", "1.7.1.116")
SIDE_TYPES = (TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.FLOAT)
SIDE_ELEMENTS = 16
NEEDS_GPU = "Cuda Runtime"
"""What the builder of 1.4 says of some operators where there is no GPU: this tells nothing of the operator."""


def operators() -> list[str]:
    """Every operator that the standard has or had."""
    return sorted({s.name for s in onnx.defs.get_all_schemas_with_history() if not s.domain})


def cases() -> list[tuple[str, ModelProto, dict[str, np.ndarray[Any, Any]]]]:
    """Node cases with tensors in and out: name, model with side inputs as constants, what is fed."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    from onnx.backend.test.case.node import collect_testcases

    found = []
    for case in collect_testcases(None):
        if case.model is not None and case.data_sets and _has_tensors_only(case.model):
            feed = dict(zip((i.name for i in case.model.graph.input), case.data_sets[0][0], strict=False))
            model, arrays = specialised(case.model, {k: _array(v) for k, v in feed.items()})
            found.append((case.name, model, arrays))
            found.extend((f"{case.name}-first-output", m, arrays) for m in without_optional_outputs(model))
    return found


def without_optional_outputs(model: ModelProto) -> Iterator[ModelProto]:
    """The model with its node's required outputs only, where it asks for more: exports seldom do."""
    if len(model.graph.node) != 1 or len(model.graph.node[0].output) < 2:
        return
    node = model.graph.node[0]
    domains = {o.domain: o.version for o in model.opset_import}
    schema = onnx.defs.get_schema(node.op_type, domains[node.domain], node.domain)
    options = [spec.option.name for spec in schema.outputs]
    kept = [o for o, option in zip(node.output, options, strict=False) if option != "Optional"]
    if "Variadic" not in options and kept and len(kept) < len(node.output):
        out = ModelProto()
        out.CopyFrom(model)
        out.graph.node[0].output[:] = kept
        values = [o for o in out.graph.output if o.name in kept]
        del out.graph.output[:]
        out.graph.output.extend(values)
        yield out


def _has_tensors_only(model: ModelProto) -> bool:
    values = [*model.graph.input, *model.graph.output]
    return all(v.type.HasField("tensor_type") and v.type.tensor_type.elem_type != TensorProto.STRING for v in values)


def _array(value: Any) -> np.ndarray[Any, Any]:
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)


def specialised(
    model: ModelProto, feed: dict[str, np.ndarray[Any, Any]]
) -> tuple[ModelProto, dict[str, np.ndarray[Any, Any]]]:
    """Small side inputs become initializers; the first input always stays one."""
    out = ModelProto()
    out.CopyFrom(model)
    for position in reversed(range(1, len(out.graph.input))):
        value = out.graph.input[position]
        data = feed[value.name]
        if value.type.tensor_type.elem_type in SIDE_TYPES and data.ndim <= 1 and data.size <= SIDE_ELEMENTS:
            out.graph.initializer.append(numpy_helper.from_array(data, value.name))
            del out.graph.input[position]
            del feed[value.name]
    return out, feed


def measure(version: str, folder: Path, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Verdicts of one wheel: registered operators, and per case None or the message."""
    environment = folder / version
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", f"tensorrt_rtx=={version}"], check=True)
    return ask(python, jobs)


def ask(python: Path, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Verdicts of the TensorRT-RTX that `python` imports: registered operators, and per case None or the message."""
    verdicts: dict[str, str | None] = {}
    registered: list[str] = []
    while len(verdicts) < len(jobs):  # a crash of the parser costs one case, not the sweep
        request = json.dumps({"operators": operators(), "jobs": jobs[len(verdicts) :]})
        run = subprocess.run([python, "-c", _CHILD], input=request, capture_output=True, text=True, check=False)
        for line in run.stdout.splitlines():
            answer = json.loads(line)
            registered = answer.get("registered", registered)
            if "case" in answer:
                verdicts[answer["case"]] = answer["why"]
        if len(verdicts) < len(jobs):
            verdicts[jobs[len(verdicts)]["case"]] = f"crashed: exit code {run.returncode}"
    return {"registered": registered, "verdicts": verdicts}


def summary(version: str, measured: dict[str, Any], operators_of: dict[str, set[str]]) -> dict[str, Any]:
    """What the data file keeps: registered operators, and the most frequent reason of those that never get through."""
    verdicts = measured["verdicts"]
    reasons: dict[str, list[str | None]] = {o: [] for o in measured["registered"]}
    for case, why in verdicts.items():
        for op_type in operators_of[case] & reasons.keys():
            reasons[op_type].append(why)
    refused = {o: [why for why in found if why is not None] for o, found in reasons.items() if None not in found}
    unmeasured = [o for o, found in refused.items() if not found or any(NEEDS_GPU in why for why in found)]
    never = {o: Counter(found).most_common(1)[0][0] for o, found in refused.items() if o not in unmeasured}
    return {
        "wheel": version,
        "cases": len(verdicts),
        "accepted": sum(why is None for why in verdicts.values()),
        "crashed": sum(why is not None and why.startswith("crashed") for why in verdicts.values()),
        "never_accepted": dict(sorted(never.items())),
        "unmeasured": sorted(unmeasured),
        "registered": sorted(measured["registered"]),
    }


def main() -> None:
    """Measure the versions named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", default=VERSIONS, metavar="VERSION")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    found = cases()
    operators_of = {name: {n.op_type for n in model.graph.node} for name, model, _ in found}
    out: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))["versions"] if DATA.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        jobs = [job(Path(scratch, f"{i}.onnx"), *case) for i, case in enumerate(found)]
        for version in args.versions:
            measured = measure(version, args.keep or Path(scratch), jobs)
            if args.keep:
                Path(args.keep, f"{version}.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
            short = ".".join(version.split(".")[:2])
            out[short] = summary(version, measured, operators_of)
            write(out)
            print(version, f"{out[short]['accepted']} of {out[short]['cases']} cases", flush=True)


def job(path: Path, name: str, model: ModelProto, feed: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    """What the child needs to know of a case, whose model is written to `path`."""
    path.write_bytes(model.SerializeToString())
    values = {k: v.reshape(-1)[:64].tolist() for k, v in feed.items() if v.dtype.kind in "iu"}
    return {"case": name, "path": str(path), "shapes": {k: list(v.shape) for k, v in feed.items()}, "values": values}


def write(versions: dict[str, Any]) -> None:
    """The data file, one line for each list."""
    lines = []
    for version, facts in sorted(versions.items()):
        inner = ",\n".join(f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in facts.items())
        lines.append(f"  {json.dumps(version)}: {{\n{inner}\n  }}")
    source = f"tests/benchmarks/measure_rtx.py: the node cases of ONNX {onnx.__version__}, on the CPU"
    head = f'{{\n "schema": "trtconv.rtx/1",\n "source": {json.dumps(source)},\n "versions": {{\n'
    DATA.write_text(head + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")


_CHILD = """
import json, sys
import tensorrt_rtx as trt

class Log(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
        self.errors = []
    def log(self, severity, message):
        if severity <= trt.ILogger.ERROR:
            self.errors.append(message)

def say(value):
    print(json.dumps(value), flush=True)

def judge(job):
    log = Log()
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(job["path"]):
        return "parse: " + (parser.get_error(0).desc().strip() if parser.num_errors else str(log.errors[-1:]))[:200]
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    wanted = False
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        if tensor.is_shape_tensor:
            values = job["values"][tensor.name]
            profile.set_shape_input(tensor.name, values, values, values)
            wanted = True
        if any(d < 0 for d in tensor.shape):
            shape = job["shapes"][tensor.name]
            profile.set_shape(tensor.name, shape, shape, shape)
            wanted = True
    if wanted:
        config.add_optimization_profile(profile)
    if builder.build_serialized_network(network, config) is None:
        return "build: " + (log.errors or ["no reason given"])[-1].partition(" In ")[0][:200]
    return None

request = json.load(sys.stdin)
log = Log()
builder = trt.Builder(log)
parser = trt.OnnxParser(builder.create_network(0), log)
say({"registered": [o for o in request["operators"] if parser.supports_operator(o)]})
for job in request["jobs"]:
    try:
        why = judge(job)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"[:200]
    say({"case": job["case"], "why": why})
"""

if __name__ == "__main__":
    main()
