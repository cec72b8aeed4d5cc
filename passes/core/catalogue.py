"""Every pass there is, found by looking into `passes/`: adding a pass touches no other file."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from abc import ABCMeta
from graphlib import TopologicalSorter

import trtconv.passes
from trtconv.passes.core.base import Pass


@functools.cache
def catalogue() -> dict[str, Pass]:
    """Passes by name, in the order they run: each after those it names in `after`, else alphabetical."""
    found: dict[str, Pass] = {}
    for module in pkgutil.iter_modules(trtconv.passes.__path__):
        if module.ispkg:
            continue
        instance = _only_pass(f"trtconv.passes.{module.name}")
        if instance.name() in found:
            raise TypeError(f"two passes are called {instance.name()}")
        found[instance.name()] = instance
    return {name: found[name] for name in _in_order(found)}


def _only_pass(module_name: str) -> Pass:
    module = importlib.import_module(module_name)
    classes = [
        c
        for c in vars(module).values()
        if isinstance(c, ABCMeta) and issubclass(c, Pass) and c.__module__ == module_name
    ]
    if len(classes) != 1:
        raise TypeError(f"{module_name} has to define exactly one Pass, not {len(classes)}")
    instance: Pass = classes[0]()
    return instance


def _in_order(found: dict[str, Pass]) -> list[str]:
    for name, one in found.items():
        for earlier in one.after:
            if earlier not in found:
                raise TypeError(f"{name} is to run after {earlier}, and there is no such pass")
    sorter = TopologicalSorter({name: sorted(found[name].after) for name in sorted(found)})
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order.extend(ready)
        sorter.done(*ready)
    return order
