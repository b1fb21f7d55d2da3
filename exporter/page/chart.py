"""Lays out the charts of the page: the axis, the line of the activity, and which days have a label."""

import math
from collections.abc import Sequence

LABELS = 6  # days below the chart, at most: more do not fit on a phone
STEPS = (1, 2, 5, 10)


def ticks(largest: float, most: int = 5) -> list[int]:
    """Round numbers from 0 to the first that is not smaller than `largest`: at most `most` steps between them."""
    rough = max(largest, 1) / most
    power = 10 ** math.floor(math.log10(rough))
    step = max(1, round(power * next(factor for factor in STEPS if factor * power >= rough)))
    return list(range(0, math.ceil(max(largest, 1) / step) * step + 1, step))


def positions(number: int) -> list[float]:
    """Where each of a number of days lies, as a share of the width."""
    return [day / (number - 1) for day in range(number)] if number > 1 else [0.5] * number


def line(values: Sequence[int], top: int) -> str:
    """The points of a line, 1,000 wide and 1,000 high; a single value is as wide as the chart."""
    points = list(zip(positions(len(values)), values, strict=True)) if len(values) > 1 else [(0, values[0]), (1, values[0])]
    return ' '.join(f'{1000 * x:.1f},{1000 - 1000 * value / top:.1f}' for x, value in points)


def labelled(number: int) -> range:
    """The days that have a label."""
    step = math.ceil(number / LABELS) or 1
    return range(step // 2, number, step)
