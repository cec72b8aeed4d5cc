"""Metrics that ask whether two outputs mean the same: the angle between them, the class that wins, the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class NotApplicable(Exception):
    """Why a metric says nothing of an output."""


def class_axis(values: Array) -> int | None:
    """The axis of the classes: the last one of a vector, a matrix or [batch, time, class], axis 1 of an image-like one.

    None where there are no classes to choose from.
    """
    axis = 1 if values.ndim >= 4 else values.ndim - 1
    return None if axis < 0 or values.shape[axis] < 2 or values.size == 0 else axis


def argmax_agreement(expected: Array, actual: Array) -> float | None:
    """Fraction of rows whose largest element is at the same place on both sides; None without a class axis."""
    axis = class_axis(expected)
    return None if axis is None else float(np.mean(expected.argmax(axis) == actual.argmax(axis)))


def top1(expected: Array, actual: Array) -> float:
    """Fraction of rows for which the same class wins; of integers, which are taken for classes, those that are equal.

    Raises NotApplicable for floats without a class axis.
    """
    same = _labels(expected) == _labels(actual)
    return float(np.mean(same)) if same.size else 1.0


def mean_iou(expected: Array, actual: Array) -> float:
    """Mean over the classes that occur of intersection over union, both sides taken as label maps.

    Floats become labels by their largest element along the class axis. Raises NotApplicable where there is none.
    """
    want, got = _labels(expected), _labels(actual)
    labels, places = np.unique(np.concatenate([want.reshape(-1), got.reshape(-1)]), return_inverse=True)
    if not labels.size:
        return 1.0
    want, got = places.reshape(-1)[: want.size], places.reshape(-1)[want.size :]
    both = np.bincount(want[want == got], minlength=labels.size)
    union = np.bincount(want, minlength=labels.size) + np.bincount(got, minlength=labels.size) - both
    return float(np.mean(both / union))


def _labels(values: Array) -> Array:
    if values.dtype.kind in "iub":
        return values
    axis = class_axis(values)
    if axis is None:
        raise NotApplicable(f"an output of shape {list(values.shape)} has no axis of classes")
    return np.asarray(values.argmax(axis))
