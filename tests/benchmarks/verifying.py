"""What `verify` costs beside the inferences that it cannot do without, as whole processes, interleaved in one run.

    python tests/benchmarks/verifying.py [--rounds 3] [--json FILE]

`bisect`: one wrong weight in a transformer of 4,080 nodes; one inference is a process that imports ONNX Runtime, opens
the graph as `verify` does, and runs it once. `verify`: MobileNetV3-Large at batch 8 and what `fix` makes of it; the two
inferences are a process that opens both and runs each once. Wall and processor time are those of the fastest round.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import transformers
from measuring import Cost, Limits, cost_of

import trtconv
from trtconv.models import export

INFER = """
import sys, numpy as np, onnxruntime as ort
feed = {sys.argv[1]: np.random.default_rng(0).standard_normal(eval(sys.argv[2]), np.float32)}
for path in sys.argv[3:]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, feed)
"""
LIMITS = Limits(600, 4000)


def transformer(folder: Path) -> tuple[list[str], list[str]]:
    """One inference of the graph, and `verify --bisect` of it with a wrong weight in the middle."""
    model = transformers.torchscript(48)
    onnx.save(model, folder / "transformer.onnx")
    weight = model.graph.initializer[len(model.graph.initializer) // 2]
    value = onnx.numpy_helper.to_array(weight).copy()
    value.reshape(-1)[0] += 1
    weight.CopyFrom(onnx.numpy_helper.from_array(value, weight.name))
    onnx.save(model, folder / "broken.onnx")
    paths = [str(folder / name) for name in ("broken.onnx", "transformer.onnx")]
    verify = [paths[0], "--reference", paths[1], "--shapes", "x:1x16x32", "--bisect"]
    return ["x", "(1, 16, 32)", paths[1]], verify


def mobilenet(folder: Path) -> tuple[list[str], list[str]]:
    """Inferences of MobileNetV3-Large and of what `fix` makes of it, and `verify` of both, at batch 8."""
    path, fixed = folder / "mobilenet.onnx", folder / "fixed.onnx"
    export("mobilenetv3_large", path, seed=1, check=False)
    trtconv.fix(path, target="tensorrt-8.2").save(fixed)
    shape = "image:8x3x224x224"
    verify = [str(fixed), "--reference", str(path), "--shapes", shape]
    return ["image", "(8, 3, 224, 224)", str(path), str(fixed)], verify


def compare(name: str, infer: list[str], verify: list[str], rounds: int) -> dict[str, object]:
    """The fastest of some rounds, and how many times the inferences `verify` costs."""
    command = [sys.executable, "-m", "trtconv", "verify", *verify, "--runtimes", "onnxruntime"]
    best: dict[str, Cost] = {}
    for _ in range(rounds):
        for what, line in (("inference", [sys.executable, "-c", INFER, *infer]), ("verify", command)):
            one = cost_of(line, LIMITS)
            old = best.get(what, one)
            best[what] = replace(one, wall=min(old.wall, one.wall), cpu=min(old.cpu, one.cpu))
    floor, full = best["inference"], best["verify"]
    return {
        "what": name,
        "inference_wall_s": round(floor.wall, 2),
        "inference_cpu_s": round(floor.cpu, 2),
        "verify_wall_s": round(full.wall, 2),
        "verify_cpu_s": round(full.cpu, 2),
        "times_wall": round(full.wall / floor.wall, 1),
        "times_cpu": round(full.cpu / floor.cpu, 1),
        "verify_peak_mb": round(full.peak),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="write the rows there too")
    args = parser.parse_args()
    rows = []
    for name, made in (("bisect of 4,080 nodes", transformer), ("MobileNetV3-Large, batch 8", mobilenet)):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(compare(name, *made(Path(folder)), args.rounds))
        print(json.dumps(rows[-1]), flush=True)
    print(f"{os.cpu_count()} cores, numpy {np.__version__}", file=sys.stderr)
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
