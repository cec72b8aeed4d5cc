"""`trtconv models list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trtconv.models import registry

if TYPE_CHECKING:
    from trtconv.models.counted import Counts
    from trtconv.models.registry import Network


@click.command("list")
@click.option("--names", is_flag=True, help="Names alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(names: bool, as_json: bool) -> None:
    """List the networks: parameters, multiply-accumulates of one image, default input, options."""
    known = registry.networks()
    if names and not as_json:
        click.echo("\n".join(known))
        return
    from trtconv.models.counted import counted

    counts = {} if names else counted()
    if as_json:
        from trtconv.report.json import plain

        click.echo(plain("models list", {"networks": [_entry(n, counts.get(n.name)) for n in known.values()]}))
        return
    click.echo(f"{'name':<33} {'parameters':>11} {'GMACs':>8}  {'input':<12} {'classes':>7}  options")
    for network in known.values():
        click.echo(_line(network, counts[network.name]))


def _line(network: Network, counts: Counts) -> str:
    size = "x".join(map(str, network.input_size))
    options = " ".join(f"{key}={value}" for key, value in network.options.items())
    return (
        f"{network.name:<33} {counts.parameters:>11,} {counts.macs / 1e9:>8.3f}  {size:<12} "
        f"{network.classes:>7}  {options}"
    )


def _entry(network: Network, counts: Counts | None) -> dict[str, object]:
    return {
        "name": network.name,
        "family": network.family,
        "task": network.task,
        "input_size": list(network.input_size),
        "classes": network.classes,
        "options": dict(network.options),
        "stride": network.stride,
        "names": list(network.names),
        **(counts.to_json() if counts else {}),
    }
