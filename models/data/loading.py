"""Batches whose loading can fail in a worker process, and still end with an error that names the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from torch.utils.data import DataLoader, Dataset

from trtconv.errors import TrtconvError

Batch = TypeVar("Batch")


def loader(samples: Any, join: Callable[[list[Any]], object], workers: int, **how: Any) -> DataLoader[Any]:
    """PyTorch's loader over `samples`, whose batches `join` makes; `how` is passed on to it. Read it by `checked`."""
    return DataLoader(_Told(samples), num_workers=workers, collate_fn=_Collated(join), **how)


def checked(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches of a `loader`.

    Raises:
        BadInput: A file of the data set cannot be used.
    """
    for batch in batches:
        if isinstance(batch, TrtconvError):
            raise batch
        yield batch


class _Told(Dataset[object]):
    """Samples, or the error in place of one: raised in a worker process it would arrive as a traceback."""

    def __init__(self, samples: Dataset[object]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, key: object) -> object:
        try:
            return self.samples[key]
        except TrtconvError as error:
            return error


class _Collated:
    """Joins samples into a batch, unless one of them is an error: then that is the batch."""

    def __init__(self, join: Callable[[list[object]], object]) -> None:
        self.join = join

    def __call__(self, samples: list[object]) -> object:
        return next((s for s in samples if isinstance(s, TrtconvError)), None) or self.join(samples)
