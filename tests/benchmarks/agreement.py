"""How often the passes and the real TensorRT-RTX say the same of a model.

    python tests/benchmarks/agreement.py                    the node cases of the ONNX standard
    python tests/benchmarks/agreement.py --list             and each case where they differ
    python tests/benchmarks/agreement.py --keep FOLDER      ask parser and builder once, and read FOLDER from then on
    python tests/benchmarks/agreement.py MODEL.onnx ...     these models instead; dynamic dimensions become 2
    python tests/benchmarks/agreement.py --networks         exports of every network of trtconv.models (minutes)

The passes' word is `lint --no-parser` for the installed version: refused or not. TensorRT-RTX's word is its parser and
its builder, on the CPU. In scope is what an inference engine is for: no training, no strings, no random numbers, no
storage formats as inputs or outputs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx
from measure_rtx import ask, cases
from onnx import ModelProto, TensorProto

import trtconv
from trtconv.passes.core import Target

TRAINING = {"Adagrad", "Adam", "Momentum", "Gradient"}
RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}
TEXT = {"StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "TfIdfVectorizer", "LabelEncoder"}
STORAGE = ("FLOAT8", "FLOAT4", "INT4", "UINT4", "INT2", "UINT2", "COMPLEX", "STRING")
OUT_OF_SCOPE = TRAINING | RANDOM | TEXT | {"ImageDecoder"}


@dataclass(frozen=True)
class Verdict:
    """What both say of one case: the first reason of the passes, and TensorRT-RTX's; None where they accept."""

    case: str
    passes: str | None
    product: str | None

    @property
    def agree(self) -> bool:
        """Whether both accept or both refuse."""
        return (self.passes is None) == (self.product is None)


def in_scope(name: str, model: ModelProto) -> bool:
    """Whether the case says something about an inference engine."""
    types = {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)}
    if any(TensorProto.DataType.Name(t).startswith(STORAGE) for t in types):
        return False
    training = any(a.name == "training_mode" and a.i for n in model.graph.node for a in n.attribute)
    return not training and "training_dropout" not in name and not OUT_OF_SCOPE & {n.op_type for n in model.graph.node}


def predicted(model: ModelProto, target: str) -> str | None:
    """The first reason of a pass to expect a refusal, or None."""
    found = trtconv.lint(model, target=target, parser=False)
    refused = (f"{f.pass_name} at {f.op_type}: {f.why}" for f in found.findings if f.effect == "refused")
    return next(refused, None)


def asked(jobs: list[dict[str, Any]], keep: Path | None) -> dict[str, str | None]:
    """What parser and builder of the installed TensorRT-RTX say, from the file of an earlier run where there is one."""
    kept = keep / "agreement.json" if keep else None
    if kept is not None and kept.exists():
        known: dict[str, str | None] = json.loads(kept.read_text(encoding="utf-8"))
        return known
    verdicts = ask(Path(sys.executable), jobs)["verdicts"]
    if kept is not None:
        kept.write_text(json.dumps(verdicts, indent=1), encoding="utf-8")
    return verdicts


def standard(keep: Path | None) -> list[Verdict]:
    """Both verdicts of every case in scope."""
    from measure_rtx import job

    target = str(Target.installed("tensorrt-rtx"))
    chosen = [(name, m, feed) for name, m, feed in cases() if in_scope(name, m) and not name.endswith("-first-output")]
    with tempfile.TemporaryDirectory() as scratch:
        jobs = [job(Path(scratch, f"{i}.onnx"), *case) for i, case in enumerate(chosen)]
        real = asked(jobs, keep)
    return [Verdict(name, predicted(model, target), real[name]) for name, model, _ in chosen]


def files(paths: list[Path]) -> list[Verdict]:
    """Both verdicts of each model."""
    target = str(Target.installed("tensorrt-rtx"))
    jobs = []
    for path in paths:
        model = onnx.load(path, load_external_data=False)
        shapes = {
            v.name: [d.dim_value if d.HasField("dim_value") else 2 for d in v.type.tensor_type.shape.dim]
            for v in model.graph.input
        }
        jobs.append({"case": str(path), "path": str(path), "shapes": shapes, "values": {}})
    real = ask(Path(sys.executable), jobs)["verdicts"]
    return [Verdict(str(p), predicted(onnx.load(p, load_external_data=False), target), real[str(p)]) for p in paths]


FORMS = (("torchscript", 9), ("torchscript", 11), ("torchscript", 17), ("dynamo", 18))
SIDE = 96


def exports() -> list[Verdict]:
    """Both verdicts of every network as each exporter writes it, at 96x96 with an open batch; one at a time on disk."""
    from torch.onnx.errors import OnnxExporterError

    from trtconv.models import create, networks
    from trtconv.models.exporters import Form, write

    verdicts = []
    for name in networks():
        network = create(name).eval()
        for exporter, opset in FORMS:
            with tempfile.TemporaryDirectory() as scratch:
                path = Path(scratch, f"{name} by {exporter} {opset}.onnx")
                try:
                    with contextlib.redirect_stdout(None):  # of a failure, the exporter prints the whole graph
                        model = write(network, (3, SIDE, SIDE), Form(exporter, opset, "batch"))
                    onnx.save(model, path)
                except OnnxExporterError:
                    print(f"{path.stem}: the exporter does not write it", file=sys.stderr)
                    continue
                verdict = files([path])[0]
            verdicts.append(replace(verdict, case=path.stem))
            print(f"{path.stem}: {verdict.passes or 'accepted'} / {verdict.product or 'accepted'}", file=sys.stderr)
    return verdicts


def report(verdicts: list[Verdict], listed: bool) -> None:
    """The confusion matrix, and the differences if `listed`."""
    count = Counter((v.passes is not None, v.product is not None) for v in verdicts)
    total, agree = len(verdicts), sum(v.agree for v in verdicts)
    print(f"{total} cases              TensorRT-RTX accepts   refuses")
    print(f"  passes accept       {count[False, False]:18}{count[False, True]:10}")
    print(f"  passes refuse       {count[True, False]:18}{count[True, True]:10}")
    print(f"agreement {agree / total:.1%}, false alarms {count[True, False] / total:.1%}")
    for v in verdicts if listed else ():
        if not v.agree:
            print(f"{'MISSED' if v.passes is None else 'FALSE'} {v.case}: {v.passes or v.product}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--networks", action="store_true")
    parser.add_argument("--list", action="store_true", dest="listed")
    args = parser.parse_args()
    if args.networks:
        report(exports(), args.listed)
    else:
        report(files(args.models) if args.models else standard(args.keep), args.listed)


if __name__ == "__main__":
    main()
