"""What a network is worth, from counts that can be added up over batches and over processes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from trtconv.models.data.transforms import IGNORE

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def _ratio(part: Floats | Counts, whole: Floats | Counts) -> Floats:
    """`part / whole`, NaN where the whole is nothing."""
    wholes = np.asarray(whole, np.float64)
    ratio: Floats = np.divide(part, wholes, out=np.full(wholes.shape, np.nan), where=wholes != 0)
    return ratio


def _mean(values: Floats) -> float:
    """The mean of the numbers in `values`; NaN when there is none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


@dataclass
class Confusion:
    """How often class `row` was taken for class `column`."""

    classes: int
    matrix: Counts = field(init=False)

    def __post_init__(self) -> None:
        self.matrix = np.zeros((self.classes, self.classes), np.int64)

    def add(self, truth: npt.NDArray[np.integer], guess: npt.NDArray[np.integer]) -> None:
        """Count class numbers of any equal shape; where the truth is `IGNORE`, nothing is counted."""
        counted = truth != IGNORE
        rows, columns = truth[counted].astype(np.int64), guess[counted].astype(np.int64)
        cells = np.bincount(rows * self.classes + columns, minlength=self.classes**2)
        self.matrix += cells.reshape(self.classes, self.classes)

    @property
    def hits(self) -> Counts:
        """Right answers of each class."""
        return self.matrix.diagonal()

    @property
    def truths(self) -> Counts:
        """How often each class was there."""
        counts: Counts = self.matrix.sum(axis=1)
        return counts

    @property
    def guesses(self) -> Counts:
        """How often each class was answered."""
        counts: Counts = self.matrix.sum(axis=0)
        return counts

    def accuracy(self) -> float:
        """Right answers of all; for one label per item this is micro F1 as well."""
        return float(_ratio(self.hits.sum(), self.matrix.sum()))

    def recall(self) -> Floats:
        """Per class; NaN for a class that never was there."""
        return _ratio(self.hits, self.truths)

    def precision(self) -> Floats:
        """Per class; NaN for a class that never was answered."""
        return _ratio(self.hits, self.guesses)

    def iou(self) -> Floats:
        """Intersection over union per class; NaN for a class neither there nor answered."""
        return _ratio(self.hits, self.truths + self.guesses - self.hits)

    def f1(self) -> Floats:
        """Harmonic mean of precision and recall per class; NaN for a class neither there nor answered."""
        return _ratio(2 * self.hits, self.truths + self.guesses)

    def mean_iou(self) -> float:
        """Mean over the classes that were there or were answered."""
        return _mean(self.iou())

    def frequency_weighted_iou(self) -> float:
        """IoU of each class, weighted by how often it was there."""
        there = self.truths > 0
        return float(_ratio((self.truths * np.nan_to_num(self.iou()))[there].sum(), self.truths.sum()))

    def macro_f1(self) -> float:
        """Mean F1 over the classes that were there or were answered."""
        return _mean(self.f1())


@dataclass
class TopK:
    """How often the true class was among the `k` best."""

    k: int
    hits: int = 0
    seen: int = 0

    def add(self, truth: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> None:
        """Count `truth` (N) against `scores` (N, C); a tie goes against the true class."""
        own = np.take_along_axis(scores, truth[:, None].astype(np.int64), axis=1)
        better = (~(scores < own)).sum(axis=1) - 1  # so that NaN is never a hit
        self.hits += int((better < self.k).sum())
        self.seen += len(truth)

    def value(self) -> float:
        """The share of hits; NaN before the first item."""
        return self.hits / self.seen if self.seen else float("nan")
