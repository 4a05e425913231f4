"""A time series that never outgrows its bound and always spans its whole life."""

from __future__ import annotations

from collections.abc import Iterator


class Series:
    """Points of (time, values...), at most ``limit`` of them, evenly spread over all the time seen.

    A point stands for ``span`` seconds: values that arrive within it are averaged by their weight.
    When the series is full, neighbours are merged in pairs and the span doubles, so that an hour
    costs what a minute does and the newest value is always the last point.
    """

    def __init__(self, width: int, limit: int = 600, span: float = 0.1) -> None:
        if limit < 2:
            raise ValueError(f"a series needs room for two points, not {limit}")
        self.span = span
        self._limit = limit
        self._width = width
        self._points: list[tuple[float, ...]] = []
        self._open: tuple[float, float, tuple[float, ...]] | None = None  # start, weight, sums

    def add(self, at: float, *values: float, weight: float = 1.0) -> None:
        """Take the values that held up to time ``at``, with a weight above 0."""
        if len(values) != self._width:
            raise ValueError(f"{self._width} values expected, not {len(values)}")
        if self._open is not None and at - self._open[0] >= self.span - 1e-9:
            self._close()
        if self._open is None:
            self._open = (at, weight, tuple(value * weight for value in values))
            return
        start, total, sums = self._open
        self._open = (
            start,
            total + weight,
            tuple(s + value * weight for s, value in zip(sums, values, strict=True)),
        )

    def _close(self) -> None:
        point = self._open_point()
        assert point is not None
        self._points.append(point)
        self._open = None
        if len(self._points) >= self._limit:
            self._points = [
                _mean(pair) for pair in zip(self._points[::2], self._points[1::2], strict=False)
            ] + (self._points[-1:] if len(self._points) % 2 else [])
            self.span *= 2

    def _open_point(self) -> tuple[float, ...] | None:
        if self._open is None:
            return None
        start, total, sums = self._open
        return (start, *(s / total for s in sums))

    def __iter__(self) -> Iterator[tuple[float, ...]]:
        yield from self._points
        point = self._open_point()
        if point is not None:
            yield point

    def __len__(self) -> int:
        return len(self._points) + (self._open is not None)

    def last(self) -> tuple[float, ...] | None:
        """The newest point, (time, values...)."""
        return self._open_point() or (self._points[-1] if self._points else None)

    def column(self, index: int) -> list[float]:
        """One of the values over time; 0 is the first value, not the time."""
        return [point[index + 1] for point in self]


def _mean(pair: tuple[tuple[float, ...], tuple[float, ...]]) -> tuple[float, ...]:
    first, second = pair
    return (first[0], *((a + b) / 2 for a, b in zip(first[1:], second[1:], strict=True)))
