"""Lays out the charts of the page: the axis, the line of the activity, and which days have a label."""

import math
from collections.abc import Sequence
from datetime import date

LABELS = 5  # below the chart, at most: more do not fit on a phone
DAYS, MONTHS = 62, 800  # the longest periods, in days, whose labels are days or months
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


def labels(days: Sequence[date]) -> tuple[list[int], str]:
    """Which days have a label, and what it says: the day, of a long period the month, of many years the year."""
    if len(days) <= DAYS:
        return _some(list(range(len(days)))), 'MMMd'
    months = [at for at, day in enumerate(days) if day.day == 1]
    if len(days) <= MONTHS:
        return _some(months), 'MMM'
    return _some([at for at in months if days[at].month == 1]), 'y'


def _some(places: list[int]) -> list[int]:
    step = math.ceil(len(places) / LABELS)
    return places[step // 2 :: step]
