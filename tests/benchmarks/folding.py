"""Clean-up of exported graphs: trtconv beside the installed peers, as whole processes, interleaved in one run.

    python tests/benchmarks/folding.py                       every graph, every installed peer (half an hour)
    python tests/benchmarks/folding.py --quick               the smaller graphs, one round
    python tests/benchmarks/folding.py transformer-17k net.onnx --rounds 3 --only trtconv onnxslim
    python tests/benchmarks/folding.py --update docs/benchmarks.md

For each tool: wall time and processor time of the round with the least processor time, peak memory, nodes left
(Constant nodes aside), and whether ONNX Runtime gives the same outputs. `load+save` is the floor: the same process
doing nothing in between; of a model with external data, copying its files.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

import large
import numpy as np
import onnx
import transformers
from measuring import Cost, Limits, cost_of

from trtconv.storage.files import open_model

LARGE = 1 << 30
"""Bytes from which a model is large: measured once, and run in ONNX Runtime without copies of its weights."""
PEER_MEMORY_MB = 8000.0
TOLERANCE = 1e-4
"""Largest difference, relative to the largest output, that counts as equal: peers fold BatchNormalization."""


def export(path: Path, network: str, *options: str) -> None:
    """A network of trtconv.models, by one of PyTorch's exporters."""
    command = [sys.executable, "-m", "trtconv", "models", "export", network, "--seed", "0", "--no-check", *options]
    failure = cost_of([*command, "-o", str(path)], Limits(600, 1e9)).failure
    if failure:
        raise RuntimeError(f"{network} was not exported: {failure}")


def transformer(path: Path, style: str, blocks: int) -> None:
    """A transformer of transformers.py."""
    transformers.write(style, blocks, str(path))


GRAPHS: dict[str, Callable[[Path], None]] = {
    "transformer-4k": partial(transformer, style="torchscript", blocks=48),
    "transformer-17k": partial(transformer, style="torchscript", blocks=200),
    "transformer-68k": partial(transformer, style="torchscript", blocks=800),
    "decomposed-1k": partial(transformer, style="decomposed", blocks=10),
    "decomposed-3k": partial(transformer, style="decomposed", blocks=30),
    "decomposed-10k": partial(transformer, style="decomposed", blocks=90),
    "mobilenetv3-torchscript": lambda path: export(path, "mobilenetv3_large", "--opset", "13"),
    "mobilenetv3-dynamo": lambda path: export(path, "mobilenetv3_large", "--exporter", "dynamo"),
    "deeplabv3plus-torchscript": lambda path: export(
        path, "deeplabv3plus_mobilenet", "--opset", "11", "--size", "97x129", "--dynamic", "size"
    ),
    "deeplabv3plus-dynamo": lambda path: export(
        path, "deeplabv3plus_mobilenet", "--exporter", "dynamo", "--size", "97x129"
    ),
    "single-1.2GB": large.single,
    "external-6GB": large.external,
}
ONCE = ("transformer-68k",)
"""Graphs that are measured in one round, as those of a gigabyte are: peers take minutes."""
QUICK = ("transformer-4k", "decomposed-1k", "decomposed-3k", "mobilenetv3-torchscript")

SAVE = """
import os, sys, onnx
def save(model):
    if os.path.getsize(sys.argv[1]) < 1 << 30:
        onnx.save(model, sys.argv[2])
    else:  # protobuf for Python does not serialise so much
        onnx.save(model, sys.argv[2], save_as_external_data=True, location=os.path.basename(sys.argv[2]) + ".data")
"""
COPY = """
import os, shutil, sys
source, result = sys.argv[1:]
weights = os.path.join(os.path.dirname(result), os.path.basename(source) + ".data")
for old, new in ((source, result), (source + ".data", weights)):
    shutil.copyfile(old, new)
    with open(new, "rb") as file:
        os.fsync(file.fileno())
"""
PROGRAMS = {
    "load+save": ("onnx", SAVE + "save(onnx.load(sys.argv[1]))"),
    "onnxslim": ("onnxslim", SAVE + "import onnxslim; save(onnxslim.slim(onnx.load(sys.argv[1])))"),
    "onnxsim": ("onnxsim", SAVE + "import onnxsim; save(onnxsim.simplify(onnx.load(sys.argv[1]))[0])"),
    "polygraphy": (
        "onnx_graphsurgeon",
        SAVE + "from polygraphy.backend.onnx import fold_constants; save(fold_constants(onnx.load(sys.argv[1])))",
    ),
    "onnxscript": (
        "onnxscript",
        SAVE + "import onnxscript.optimizer as o; save(o.optimize(onnx.load(sys.argv[1])))",
    ),
}
"""Package that has to be installed, and the program, which gets the paths to read and to write."""
TOOLS = ("load+save", "trtconv", "onnxslim", "onnxsim", "polygraphy", "onnxscript")


@dataclass(frozen=True)
class Row:
    """What one tool did to one graph. `worst` is the largest difference, relative to the largest output."""

    graph: str
    tool: str
    cost: Cost
    nodes: int | None = None
    worst: float | None = None
    outputs: str = ""


def command(tool: str, source: Path, result: Path) -> list[str]:
    """The process that is measured."""
    if tool == "trtconv":
        arguments = ["fix", str(source), "-o", str(result), "--no-evidence", "--target", "tensorrt-10"]
        return [sys.executable, "-m", "trtconv", *arguments]
    program = COPY if tool == "load+save" and weights_of(source).exists() else PROGRAMS[tool][1]
    return [sys.executable, "-W", "ignore", "-c", program, str(source), str(result)]


def weights_of(source: Path) -> Path:
    """The file that a graph of ours keeps its weights in, where it does."""
    return source.with_name(f"{source.name}.data")


def is_installed(tool: str) -> bool:
    """Whether the tool can be run here."""
    return tool == "trtconv" or importlib.util.find_spec(PROGRAMS[tool][0]) is not None


def compare(graph: str, tools: list[str], rounds: int, limit_s: float, keep: Path | None) -> list[Row]:
    """Measure every tool on one graph, in turns."""
    with tempfile.TemporaryDirectory(dir=keep) as scratch:
        folder = Path(scratch)
        source = made(graph, keep or folder)
        is_large = size_of(source) > LARGE
        best: dict[str, Cost] = {}
        for _ in range(1 if is_large or graph in ONCE else rounds):
            for tool in tools:
                if tool in best and best[tool].failure:  # it would take as long again
                    continue
                limits = Limits(limit_s, PEER_MEMORY_MB if tool in PROGRAMS else 1e9)
                (folder / tool).mkdir(exist_ok=True)
                one = cost_of(command(tool, source, folder / tool / "result.onnx"), limits)
                if one.failure == "exit code 1" and tool == "trtconv":  # something is left that the target refuses
                    one = Cost(one.wall, one.cpu, one.peak, one.own)
                if tool not in best or one.cpu < best[tool].cpu:
                    best[tool] = one
        wanted = outputs(source, is_large)
        return [row(graph, tool, best[tool], folder / tool / "result.onnx", wanted, is_large) for tool in tools]


def made(graph: str, folder: Path) -> Path:
    """The file of a graph: one of ours, made unless it is in `folder`, or the user's own."""
    if graph not in GRAPHS:
        return Path(graph)
    path = folder / f"{graph}.onnx"
    if not path.exists():
        GRAPHS[graph](path)
    return path


def size_of(source: Path) -> int:
    """Bytes of a model and the file of its weights."""
    weights = weights_of(source)
    return source.stat().st_size + (weights.stat().st_size if weights.exists() else 0)


def row(graph: str, tool: str, cost: Cost, result: Path, wanted: list[np.ndarray], is_large: bool) -> Row:
    """The cost, and what came of it."""
    if cost.failure or not result.exists():
        return Row(graph, tool, cost, outputs=cost.failure or "nothing written")
    if tool == "load+save":
        return Row(graph, tool, cost, nodes(result))
    try:
        worst = difference(wanted, outputs(result, is_large))
    except Exception as error:  # whatever ONNX Runtime says of a peer's result
        return Row(graph, tool, cost, nodes(result), outputs=f"does not run: {str(error)[:60]}")
    return Row(graph, tool, cost, nodes(result), worst, verdict(worst))


def verdict(worst: float) -> str:
    """In words."""
    if worst == 0:
        return "equal"
    return f"within {worst:.0e}" if worst <= TOLERANCE else f"differ by {worst:.2g}"


def outputs(path: Path, is_large: bool) -> list[np.ndarray]:
    """Outputs of the graph in ONNX Runtime, for seeded inputs of two sizes; of one where it is large."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    if is_large:  # no copy of a weight
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    rng, found = np.random.default_rng(0), []
    for step in (1,) if is_large else (1, 3):
        shapes = {v.name: [d if isinstance(d, int) else sized(d, step) for d in v.shape] for v in session.get_inputs()}
        feed = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        found += session.run(None, feed)
    return found


def sized(dim: str | None, step: int) -> int:
    """Size of a dynamic dimension: the sides of images are larger than batches and lengths."""
    return 64 + 32 * step if dim in ("height", "width") else step


def difference(wanted: list[np.ndarray], found: list[np.ndarray]) -> float:
    """The largest, relative to the largest output."""
    pairs = zip(wanted, found, strict=True)
    return max(float(np.abs(a - b).max() / max(1.0, np.abs(a).max())) for a, b in pairs)


def nodes(path: Path) -> int:
    """Nodes of all graphs of a file, Constant nodes aside."""
    graphs, count = [open_model(path).graph], 0
    while graphs:
        graph = graphs.pop()
        count += sum(n.op_type != "Constant" for n in graph.node)
        graphs += [a.g for n in graph.node for a in n.attribute if a.type == onnx.AttributeProto.GRAPH]
    return count


# --- reporting -----------------------------------------------------------------------------------

HEAD = ("graph", "tool", "wall s", "CPU s", "peak MB", "own MB", "nodes left", "x load+save", "outputs")


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "|".join(["---"] * 2 + ["---:"] * 6 + ["---"]) + "|"]
    for one in rows:
        floor = next((r.cost for r in rows if r.graph == one.graph and r.tool == "load+save"), None)
        cost = one.cost
        times = f"{cost.wall / floor.wall:.1f}" if floor else ""
        numbers = [f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.peak:.0f}", f"{cost.own:.0f}"]
        cells = [one.graph, one.tool, *numbers, "" if one.nodes is None else str(one.nodes), times, one.outputs]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """For each graph, trtconv's time and nodes against the best of the peers."""
    lines = []
    for graph in dict.fromkeys(r.graph for r in rows):
        ours = next((r for r in rows if r.graph == graph and r.tool == "trtconv" and not r.cost.failure), None)
        peers = [r for r in rows if r.graph == graph and r.tool not in ("trtconv", "load+save")]
        done = [r for r in peers if not r.cost.failure]
        if ours is None or not done:
            continue
        wall, cpu = min(r.cost.wall for r in done), min(r.cost.cpu for r in done)
        fewest = min(r.nodes for r in done if r.nodes is not None)
        lines.append(
            f"- {graph}: 1/{wall / ours.cost.wall:.1f} of the fastest peer's wall time, 1/{cpu / ours.cost.cpu:.1f} of "
            f"the least processor time, {ours.nodes} nodes left against {fewest}"
        )
    return "\n".join([*lines, *growth(rows)])


def growth(rows: list[Row]) -> list[str]:
    """Time for a node of each transformer, which should not grow."""
    counts = {"transformer-4k": 4080, "transformer-17k": 17000, "transformer-68k": 68000}
    each = {r.graph: r.cost.cpu / counts[r.graph] * 1e6 for r in rows if r.tool == "trtconv" and r.graph in counts}
    if len(each) < 2:
        return []
    return ["- processor time for a node: " + ", ".join(f"{g} {v:.0f} us" for g, v in each.items())]


def machine() -> str:
    """Cores, memory, system, versions, date."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    names = ("onnx", "protobuf", "onnxruntime", "onnxslim", "onnxsim", "polygraphy", "onnx-graphsurgeon", "onnxscript")
    found = [f"{name} {version}" for name in names if (version := version_of(name))]
    where = f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()} {platform.machine()}"
    return f"{time.strftime('%Y-%m-%d')}; {where}; Python {platform.python_version()}; {', '.join(found)}."


def version_of(name: str) -> str:
    """Version of a package, empty where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def update(page: Path, rows: list[Row]) -> None:
    """Put the figures between the marks of a page."""
    text = page.read_text("utf-8")
    start, end = "<!-- figures -->\n", "<!-- end of figures -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    figures = f"{machine()}\n\n{table(rows)}\n\n{summary(rows)}\n"
    page.write_text(f"{before}{start}\n{figures}\n{end}{after}", "utf-8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graphs", nargs="*", metavar="GRAPH", help=f"an ONNX file, or one of {', '.join(GRAPHS)}")
    parser.add_argument("--quick", action="store_true", help="the smaller graphs, one round")
    parser.add_argument("--only", nargs="*", choices=TOOLS, default=TOOLS)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--limit-s", type=float, default=180)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the graphs there, and read them from then on")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    parser.add_argument("--update", type=Path, metavar="PAGE", help="put the figures into this page")
    args = parser.parse_args()
    tools = [t for t in TOOLS if t in {*args.only, "load+save"} and is_installed(t)]
    rows: list[Row] = []
    print(machine())
    for graph in args.graphs or (QUICK if args.quick else GRAPHS):
        try:
            rows += compare(graph, tools, 1 if args.quick else args.rounds, args.limit_s, args.keep)
        except RuntimeError as error:
            print(f"{graph} left out: {error}", file=sys.stderr)
            continue
        print(table([r for r in rows if r.graph == graph]), flush=True)
        if args.json:
            args.json.write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n")
    print(summary(rows))
    if args.update:
        update(args.update, rows)


if __name__ == "__main__":
    main()
