"""The time left is told after a real sample, and is right at half time: its median error is at most a fifth."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from statistics import median
from unittest import mock

import pytest

from runs.progress.estimate import Estimator

Items = list[tuple[float, float]]  # the seconds that each takes, and what it weighs
Make = Callable[[random.Random], Iterator[tuple[float, float]]]


def letters(rng: random.Random) -> Iterator[tuple[float, float]]:
    """A connection that takes a while, many short letters, and now and then one with a large PDF."""
    yield 2.5, 1
    for _ in range(749):
        yield (rng.uniform(0.005, 0.02) if rng.random() < 0.85 else rng.uniform(0.05, 0.3)), 1


def messages(rng: random.Random) -> Iterator[tuple[float, float]]:
    """A steady rate, with a provider that hesitates at times."""
    for _ in range(600):
        yield (0.05 if rng.random() < 0.98 else rng.uniform(0.2, 1.0)), 1


def calls(rng: random.Random) -> Iterator[tuple[float, float]]:
    """Few, of very different length, which is what they weigh."""
    for _ in range(40):
        length = rng.lognormvariate(4.5, 0.8)
        yield length / 40 * rng.uniform(0.6, 1.4), length


def tired(rng: random.Random) -> Iterator[tuple[float, float]]:
    """Every item takes a little longer than the one before."""
    for n in range(400):
        yield 0.05 * (1 + n / 1_000) * rng.uniform(0.5, 1.5), 1


def follow(items: Items) -> list[tuple[float, float | None]]:
    """The seconds worked, and the time left that is told then, at each flush: one a second, between two items."""
    told: list[tuple[float, float | None]] = []
    now = done = flushed_at = 0.0
    total = sum(weight for _duration, weight in items)
    with mock.patch("runs.progress.estimate.time.monotonic", side_effect=lambda: now):
        estimator = Estimator(None, 0, 0.0)
        for number, (duration, weight) in enumerate(items, 1):
            now += duration
            done += weight
            if now - flushed_at >= 1:
                flushed_at = now
                estimator.measure(number, done, is_waiting=False)
                told.append((now, estimator.seconds_for_weight(total - done)))
    return told


def error_at_half_time(items: Items) -> float:
    total = sum(duration for duration, _weight in items)
    at, left = min(follow(items), key=lambda each: abs(each[0] - total / 2))
    assert left is not None
    return abs(left - (total - at)) / (total - at)


@pytest.mark.parametrize("make", [letters, messages, calls, tired])
def test_the_median_error_at_half_time_is_at_most_a_fifth(make: Make) -> None:
    errors = [error_at_half_time(list(make(random.Random(seed)))) for seed in range(31)]
    assert median(errors) <= 0.2, sorted(errors)


@pytest.mark.parametrize("make", [letters, messages, calls, tired])
def test_nothing_is_told_before_a_real_sample_and_nothing_absurd_after_it(make: Make) -> None:
    for seed in range(31):
        items = list(make(random.Random(seed)))
        total = sum(duration for duration, _weight in items)
        told = [(at, left) for at, left in follow(items) if left is not None]
        assert told[0][0] >= 5
        assert all(at + left < 4 * total for at, left in told), seed


def test_two_items_are_no_sample() -> None:
    with mock.patch("runs.progress.estimate.time.monotonic", side_effect=[0.0, 10.0, 20.0]):
        estimator = Estimator(None, 0, 0.0)
        estimator.measure(2, 2.0, is_waiting=False)
        assert estimator.seconds_for_items(8) is None
        estimator.measure(4, 4.0, is_waiting=False)
        assert estimator.seconds_for_items(6) == pytest.approx(30)


def test_how_long_it_took_to_begin_says_nothing_of_the_rest() -> None:
    with mock.patch("runs.progress.estimate.time.monotonic", side_effect=[0.0, 60.0, 90.0, 100.0, 110.0]):
        estimator = Estimator(None, 0, 0.0)
        estimator.measure(0, 0.0, is_waiting=False)  # it was connecting, and listed what there is
        estimator.begin_items()
        estimator.measure(10, 10.0, is_waiting=False)
        assert estimator.seconds_for_items(10) == pytest.approx(10)
        estimator.begin_items()  # a second loop goes on where the first ended
        estimator.measure(20, 20.0, is_waiting=False)
        assert estimator.seconds_for_items(10) == pytest.approx(10)
