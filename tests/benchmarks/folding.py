"""Clean-up of exported graphs: trtconv beside the installed peers, as whole processes, interleaved in one run.

    python tests/benchmarks/folding.py                      the default graphs, every installed peer
    python tests/benchmarks/folding.py torchscript:200 --rounds 3 --only trtconv onnxslim

A graph is STYLE:BLOCKS (see transformers.py) or the path of an ONNX file. For each tool: wall time and processor time
of the fastest round, peak memory, nodes left (Constant nodes aside), and whether ONNX Runtime gives the same outputs
at two batch sizes. `load+save` is the floor: the same process doing nothing in between.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import transformers

GRAPHS = ("torchscript:48", "torchscript:200", "decomposed:10", "decomposed:30", "decomposed:90")

RUNS = {
    "load+save": ("onnx", "import sys, onnx; onnx.save(onnx.load(sys.argv[1]), sys.argv[2])"),
    "trtconv": (
        "trtconv",
        "import sys, trtconv, onnx;"
        "onnx.save(trtconv.fix(sys.argv[1], target='tensorrt-10', evidence=False).model, sys.argv[2])",
    ),
    "onnxslim": ("onnxslim", "import sys, onnxslim; onnxslim.slim(sys.argv[1], sys.argv[2])"),
    "onnxsim": (
        "onnxsim",
        "import sys, onnx, onnxsim; onnx.save(onnxsim.simplify(onnx.load(sys.argv[1]))[0], sys.argv[2])",
    ),
    "polygraphy": (
        "polygraphy",
        "import sys, onnx; from polygraphy.backend.onnx import fold_constants;"
        "onnx.save(fold_constants(onnx.load(sys.argv[1])), sys.argv[2])",
    ),
    "onnxscript": (
        "onnxscript",
        "import sys, onnx, onnxscript.optimizer as o; onnx.save(o.optimize(onnx.load(sys.argv[1])), sys.argv[2])",
    ),
}
"""Package that has to be installed, and the program, which gets the paths to read and to write."""


@dataclass(frozen=True)
class Measure:
    """One process: seconds of wall and processor time, peak resident memory in MB, exit status."""

    wall: float
    cpu: float
    memory: float
    status: int


def measure(code: str, source: str, result: str, limit_s: float) -> Measure:
    """Run `code` in a process of its own, killed after `limit_s` seconds."""
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, source, result],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        wall = time.perf_counter() - start
        if pid:
            break
        if wall > limit_s:
            child.kill()
        time.sleep(0.005)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Measure(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, child.returncode)


def outputs(path: str) -> list[np.ndarray]:
    """Outputs of the graph in ONNX Runtime, for seeded inputs of one and of three in every dynamic dimension."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rng, found = np.random.default_rng(0), []
    for size in (1, 3):
        shapes = {v.name: [d if isinstance(d, int) else size for d in v.shape] for v in session.get_inputs()}
        feed = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        found += session.run(None, feed)
    return found


def worst(wanted: list[np.ndarray], found: list[np.ndarray]) -> float:
    """Largest difference, relative to the largest output."""
    pairs = zip(wanted, found, strict=True)
    return max(float(np.abs(a - b).max() / max(1.0, np.abs(a).max())) for a, b in pairs)


def nodes(path: str) -> int:
    """Nodes of all graphs of a file, Constant nodes aside."""
    model = onnx.load(path, load_external_data=False)
    graphs, count = [model.graph], 0
    while graphs:
        graph = graphs.pop()
        count += sum(n.op_type != "Constant" for n in graph.node)
        graphs += [a.g for n in graph.node for a in n.attribute if a.type == onnx.AttributeProto.GRAPH]
    return count


def compare(graph: str, tools: list[str], rounds: int, limit_s: float, folder: Path) -> list[dict[str, object]]:
    """Measure every tool on one graph."""
    source = _source(graph, folder)
    best: dict[str, Measure] = {}
    for _ in range(rounds):
        for tool in tools:
            one = measure(RUNS[tool][1], source, str(folder / f"{tool}.onnx"), limit_s)
            if tool not in best or one.wall < best[tool].wall:
                best[tool] = one
    wanted = outputs(source)
    return [_row(graph, tool, best, wanted, folder) for tool in tools]


def _source(graph: str, folder: Path) -> str:
    style, _, blocks = graph.partition(":")
    if style not in transformers.STYLES:
        return graph
    path = str(folder / "source.onnx")
    transformers.write(style, int(blocks), path)
    return path


def _row(graph: str, tool: str, best: dict[str, Measure], wanted: list[np.ndarray], folder: Path) -> dict[str, object]:
    one, result = best[tool], folder / f"{tool}.onnx"
    row: dict[str, object] = {"graph": graph, "tool": tool, "wall_s": round(one.wall, 2), "cpu_s": round(one.cpu, 2)}
    row |= {"peak_mb": round(one.memory), "times_load_save": round(one.wall / best["load+save"].wall, 1)}
    if one.status or not result.exists():
        return row | {"nodes": None, "worst": None, "status": one.status}
    return row | {"nodes": nodes(str(result)), "worst": worst(wanted, outputs(str(result))), "status": 0}


def table(rows: list[dict[str, object]]) -> str:
    """The rows as a Markdown table."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join(lines + ["| " + " | ".join(str(row[n]) for n in names) + " |" for row in rows])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graphs", nargs="*", default=GRAPHS)
    parser.add_argument("--only", nargs="*", choices=RUNS, default=list(RUNS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--limit-s", type=float, default=180)
    parser.add_argument("--json", help="write the rows there too")
    args = parser.parse_args()
    tools = [t for t in RUNS if t in {*args.only, "load+save"} and importlib.util.find_spec(RUNS[t][0])]
    rows: list[dict[str, object]] = []
    for graph in args.graphs:
        with tempfile.TemporaryDirectory() as folder:
            rows += compare(graph, tools, args.rounds, args.limit_s, Path(folder))
            print(table([r for r in rows if r["graph"] == graph]), flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
