"""How many faults `verify` catches, and how often `--bisect` names the node: over exports of real networks.

    python tests/benchmarks/fault_injection.py                  200 faults, 200 unmutated pairs
    python tests/benchmarks/fault_injection.py --count 20

Networks of the registry with seeded weights, exported small by both exporters, and attention blocks from fixtures/. A
fault counts where plain ONNX Runtime, without optimisations, gives outputs outside the tolerance; such a one has to be
caught, and the first tensor that differs has to be that of its node. Unmutated pairs are a network and itself, and a
network and what `fix` makes of it, fed by seeds of their own: none may be reported.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults import inject
from support import run

import trtconv
from trtconv.models import export

ROOT = Path(__file__).parents[2]
NETWORKS = (
    ("mobilenetv3_small", "torchscript", 13),
    ("mobilenetv3_large", "dynamo", 18),
    ("MobileNetV3_small_x0_5", "torchscript", 17),
    ("deeplabv3plus_mobilenet", "torchscript", 11),
    ("deeplabv3_mobilenet", "dynamo", 18),
    ("bisenetv2", "torchscript", 17),
    ("bisenetv1", "torchscript", 13),
)
"""Name in the registry, exporter, opset."""
FIXTURES = ("attention_ts11", "attention_dynamo18", "fixedpadding_ts11")
SIZE = (64, 96)
RTOL, ATOL = 1e-3, 1e-5
"""Of the element and of the output's range: the default for float32."""


@dataclass
class Tally:
    """What came of the faults."""

    caught: int = 0
    missed: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    unchanged: int = 0
    """Equal to the last bit, and reported so."""
    within: int = 0
    """Changed by less than the tolerance, and passed."""
    false_alarms: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def named(self) -> int:
        """Faults whose node was named."""
        return self.caught - len(self.misnamed)


def exported(folder: Path) -> dict[str, onnx.ModelProto]:
    """All networks, by name and exporter."""
    found = {}
    for name, exporter, opset in NETWORKS:
        path = folder / f"{name}.onnx"
        export(name, path, seed=1, size=SIZE, exporter=exporter, opset=opset, check=False)
        found[f"{name} ({exporter} {opset})"] = onnx.load(path)
    return found | {name: onnx.load(ROOT / "fixtures" / f"{name}.onnx") for name in FIXTURES}


def differs(original: onnx.ModelProto, mutant: onnx.ModelProto, feeds: list[dict[str, np.ndarray]]) -> float:
    """Largest error over the tolerance, by plain ONNX Runtime; infinite where the mutant does not run."""
    worst = 0.0
    for feed in feeds:
        wanted = run(original, feed)
        try:
            found = run(mutant, feed)
        except Exception:  # neither ONNX Runtime nor the reference evaluator takes it
            return float("inf")
        for want, got in zip(wanted, found, strict=True):
            if want.shape != got.shape:
                return float("inf")
            allowed = RTOL * np.abs(want) + ATOL * np.abs(want).max(initial=0.0)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(want == got, 0.0, np.abs(want - got) / allowed)
            worst = max(worst, float(np.nan_to_num(ratio, nan=np.inf).max(initial=0.0)))
    return worst


def check(name: str, original: onnx.ModelProto, seed: int, tally: Tally) -> None:
    """One fault."""
    mutant, node, kind = inject(original, seed)
    tally.kinds[kind] += 1
    parity = trtconv.verify(mutant, reference=original, runtimes=["onnxruntime"], seed=seed, bisect=True, noise="off")
    what = f"seed {seed}, {name}: {kind} at {node}"
    if parity.exit_code:
        tally.caught += 1
        said = parity.parting.node if parity.parting is not None else "nothing"
        if said != node:
            tally.misnamed.append(f"{what}; named: {said}")
        return
    error = differs(original, mutant, [case.feed for case in parity.cases])
    if error > 1:
        tally.missed.append(f"{what}; {error:.3g} times the tolerance")
    elif error:
        tally.within += 1
    else:
        tally.unchanged += 1


def check_unmutated(name: str, pair: tuple[onnx.ModelProto, onnx.ModelProto], seed: int, tally: Tally) -> None:
    """One pair that computes the same."""
    original, model = pair
    parity = trtconv.verify(model, reference=original, runtimes=["onnxruntime"], seed=seed, bisect=True, noise="off")
    if parity.exit_code or parity.parting is not None:
        tally.false_alarms.append(f"seed {seed}, {name}: {parity.verdict}")


def main() -> None:
    """Inject, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="faults, and unmutated pairs")
    parser.add_argument("--json", help="write the figures there too")
    args = parser.parse_args()
    start, tally = time.process_time(), Tally()
    with tempfile.TemporaryDirectory() as folder:
        networks = exported(Path(folder))
    fixed = {name: trtconv.fix(model, target="tensorrt-8.2").model for name, model in networks.items()}
    names = list(networks)
    for seed in range(args.count):
        name = names[seed % len(names)]
        check(name, networks[name], seed, tally)
        check_unmutated(name, (networks[name], (networks if seed % 2 else fixed)[name]), 10_000 + seed, tally)
        if sys.stderr.isatty():
            print(f"\r{seed + 1} of {args.count}", end="", file=sys.stderr, flush=True)
    rows = {
        "networks": len(networks),
        "faults": args.count,
        "kinds": dict(tally.kinds),
        "caught": tally.caught,
        "missed": tally.missed,
        "named_exactly": tally.named,
        "misnamed": tally.misnamed,
        "bit_equal": tally.unchanged,
        "within_tolerance": tally.within,
        "unmutated_pairs": args.count,
        "false_alarms": tally.false_alarms,
        "cpu_s": round(time.process_time() - start, 1),
    }
    text = json.dumps(rows, indent=1)
    print(text)
    if args.json:
        Path(args.json).write_text(text + "\n")


if __name__ == "__main__":
    main()
