"""A layered layout: messages flow from left to right, lines never cross a box, labels never cross anything.

Sugiyama's method in its plain form: cycles are broken, nodes get layers, long lines get a place in each layer that they
pass, layers are sorted to save crossings, and heights are chosen so that lines run as level as they can. Of PyPI's
libraries, igraph knows neither the sizes of boxes nor labels, and grandalf has had no release since 2023.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP = 14.0  # between two boxes of a layer
CURVE = 46.0  # where lines bend, between two layers
PORT = 9.0  # between two lines that leave a box
SLOT = 12.0  # least height of a line's place in a layer
SWEEPS = 6

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """What a node needs."""

    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """A line from one box to another, by their places in the list, and the room its label needs."""

    source: int
    target: int
    label_width: float = 0.0
    label_height: float = 0.0


@dataclass(frozen=True)
class Rectangle:
    """A place: the corner at the top left, and the size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Route:
    """Where a line runs: points come in pairs, between which it is level; from one pair to the next it bends.

    ``backwards`` lines run from right to left; ``label`` is the room of the label, which the last level part passes
    at its lower edge.
    """

    points: tuple[Point, ...]
    label: Rectangle
    backwards: bool


@dataclass(frozen=True)
class Layout:
    """Boxes in the order in which they were given, routes likewise, and the size of it all."""

    boxes: tuple[Rectangle, ...]
    routes: tuple[Route, ...]
    width: float
    height: float


@dataclass
class _Place:
    """A box, or the place of a long line in a layer that it passes (``box`` is None)."""

    layer: int
    height: float
    width: float = 0.0
    box: int | None = None
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    middle: float = field(init=False)  # chosen last, by _choose_heights


def arrange(boxes: Sequence[Box], lines: Sequence[Line]) -> Layout:
    """Place boxes and lines. Lines from a box to itself are not supported: a picture says those in words."""
    turned = _turned(len(boxes), lines)
    ends = [
        (line.target, line.source) if back else (line.source, line.target)
        for line, back in zip(lines, turned, strict=True)
    ]
    layers = _layers(len(boxes), ends)
    places = [
        _Place(layer, box.height, box.width, index)
        for index, (layer, box) in enumerate(zip(layers, boxes, strict=True))
    ]
    for index, height in _slots(ends, lines).items():
        places[index].height = max(places[index].height, height)
    chains = [_chain(places, source, target) for source, target in ends]
    columns = _columns(places)
    _save_crossings(places, columns)
    _choose_heights(places, columns)
    return _result(places, columns, chains, lines, turned, len(boxes))


def _turned(count: int, lines: Sequence[Line]) -> list[bool]:
    """Which lines have to run backwards, so that the others have no cycle: those that meet their own path.

    The walk begins where nothing arrives, in the order of the boxes.
    """
    following: dict[int, list[tuple[int, int]]] = defaultdict(list)
    arriving = [0] * count
    for number, line in enumerate(lines):
        following[line.source].append((line.target, number))
        arriving[line.target] += 1
    turned = [False] * len(lines)
    state = [0] * count  # 1 on the path, 2 done
    for start in sorted(range(count), key=lambda index: (arriving[index] > 0, index)):
        if state[start]:
            continue
        path = [(start, iter(following[start]))]
        state[start] = 1
        while path:
            index, rest = path[-1]
            step = next(rest, None)
            if step is None:
                state[index] = 2
                path.pop()
            elif state[step[0]] == 1:
                turned[step[1]] = True
            elif state[step[0]] == 0:
                state[step[0]] = 1
                path.append((step[0], iter(following[step[0]])))
    return turned


def _layers(count: int, ends: Iterable[tuple[int, int]]) -> list[int]:
    """The longest way to each box; a box where nothing arrives stands right before what it leads to."""
    following: dict[int, list[int]] = defaultdict(list)
    missing = [0] * count
    for source, target in ends:
        following[source].append(target)
        missing[target] += 1
    first = [index for index in range(count) if not missing[index]]
    layers, ready = [0] * count, list(first)
    for index in ready:
        for target in following[index]:
            layers[target] = max(layers[target], layers[index] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    for index in first:
        if following[index]:
            layers[index] = min(layers[target] for target in following[index]) - 1
    return layers


def _slots(ends: Iterable[tuple[int, int]], lines: Iterable[Line]) -> dict[int, float]:
    """The height that a box needs for the lines that arrive, and for those that leave."""
    arriving: dict[int, float] = defaultdict(float)
    leaving: dict[int, float] = defaultdict(lambda: PORT)
    for (source, target), line in zip(ends, lines, strict=True):
        arriving[target] += max(line.label_height, SLOT)
        leaving[source] += PORT / 4  # many lines may leave from nearly one point
    return {index: max(arriving[index], leaving[index]) for index in {*arriving, *leaving}}


def _chain(places: list[_Place], source: int, target: int) -> list[int]:
    """The places of a line, with one in each layer that it passes."""
    chain = [source]
    for layer in range(places[source].layer + 1, places[target].layer):
        places.append(_Place(layer, SLOT))
        chain.append(len(places) - 1)
    chain.append(target)
    for left, right in pairwise(chain):
        places[left].right.append(right)
        places[right].left.append(left)
    return chain


def _columns(places: Sequence[_Place]) -> list[list[int]]:
    """Places by layer. Connected ones come first, so that what stands alone ends up below."""
    columns: list[list[int]] = [[] for _ in range(max((place.layer for place in places), default=-1) + 1)]
    order = sorted(range(len(places)), key=lambda index: not (places[index].left or places[index].right))
    for index in order:
        columns[places[index].layer].append(index)
    return columns


def _save_crossings(places: Sequence[_Place], columns: list[list[int]]) -> None:
    """Sort each layer by the mean place of its neighbours, to and fro, and keep the best of all."""
    best, fewest = [list(column) for column in columns], _crossings(places, columns)
    for sweep in range(SWEEPS):
        to_right = sweep % 2 == 0
        for column in columns if to_right else columns[::-1]:
            _sort(places, columns, column, to_right)
        crossings = _crossings(places, columns)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    columns[:] = best


def _sort(
    places: Sequence[_Place], columns: Sequence[Sequence[int]], column: list[int], to_right: bool
) -> None:
    layer = places[column[0]].layer + (-1 if to_right else 1)
    if not 0 <= layer < len(columns):
        return
    rank = {index: number for number, index in enumerate(columns[layer])}
    own = {index: number for number, index in enumerate(column)}

    def mean(index: int) -> float:
        near = places[index].left if to_right else places[index].right
        # What has no neighbour there keeps its place among the others, as near as that can be told.
        return sum(rank[one] for one in near) / len(near) if near else own[index] * len(rank) / len(own)

    column.sort(key=lambda index: (mean(index), own[index]))


def _crossings(places: Sequence[_Place], columns: Sequence[Sequence[int]]) -> int:
    """How many pairs of lines between neighbouring layers cross."""
    total = 0
    for left, right in pairwise(columns):
        rank = {index: number for number, index in enumerate(right)}
        seen: list[int] = []
        for index in left:
            reached = sorted(rank[one] for one in places[index].right)
            total += sum(len(seen) - bisect_left(seen, number + 1) for number in reached)
            for number in reached:
                insort(seen, number)
    return total


def _choose_heights(places: Sequence[_Place], columns: Sequence[Sequence[int]]) -> None:
    """Heights near the mean of the neighbours', in the order of each layer and without overlap."""
    for column in columns:
        _settle(places, column, [0.0] * len(column))
    for sweep in range(SWEEPS):
        to_right = sweep % 2 == 0
        for column in columns if to_right else columns[::-1]:
            wanted = []
            for index in column:
                near = places[index].left if to_right else places[index].right
                middles = [places[one].middle for one in near] or [places[index].middle]
                wanted.append(sum(middles) / len(middles))
            _settle(places, column, wanted)


def _settle(places: Sequence[_Place], column: Sequence[int], wanted: Sequence[float]) -> None:
    """The heights nearest to those wanted that keep order and distance (isotonic regression: pool the violators)."""
    offsets, below = [], 0.0
    for index in column:
        half = places[index].height / 2
        offsets.append(below + half)
        below += 2 * half + GAP
    pools: list[tuple[float, int]] = []
    for goal, offset in zip(wanted, offsets, strict=True):
        pools.append((goal - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, first), (other, second) = pools[-2:]
            pools[-2:] = [((one * first + other * second) / (first + second), first + second)]
    shifts = [shift for shift, count in pools for _ in range(count)]
    for index, shift, offset in zip(column, shifts, offsets, strict=True):
        places[index].middle = shift + offset


def _result(
    places: Sequence[_Place],
    columns: Sequence[Sequence[int]],
    chains: Sequence[Sequence[int]],
    lines: Sequence[Line],
    turned: Sequence[bool],
    count: int,
) -> Layout:
    top = min((place.middle - place.height / 2 for place in places), default=0.0)
    labels = _label_widths(places, chains, lines)
    edges = _edges_of_columns(places, columns, labels)
    middles = [place.middle - top for place in places]
    rectangles = [
        Rectangle(edges[place.layer][0], middle - place.height / 2, place.width, place.height)
        for place, middle in zip(places[:count], middles, strict=False)
    ]
    starts, ends = _ports(chains, lines, middles, rectangles)
    routes = []
    for number, (chain, line) in enumerate(zip(chains, lines, strict=True)):
        first = rectangles[chain[0]]
        # A line bends only beyond the widest box of the layer.
        points = [(first.x + first.width, starts[number]), (edges[places[chain[0]].layer][1], starts[number])]
        for index in chain[1:-1]:
            left, right = edges[places[index].layer]
            points += [(left - labels.get(places[index].layer, 0.0), middles[index]), (right, middles[index])]
        box, (middle, height) = rectangles[chain[-1]], ends[number]
        label = Rectangle(box.x - line.label_width, middle - height / 2, line.label_width, height)
        # The level part that a label lies on is at the label's lower edge, so that text and line do not meet.
        level = middle if not line.label_height else label.y + height - 3
        # It begins before the longest label of the layer: a bend meets no label, not even another line's.
        points += [(box.x - labels[places[chain[-1]].layer], level), (box.x, level)]
        routes.append(Route(tuple(points), label, turned[number]))
    width = edges[-1][1] if edges else 0.0
    height = max(
        (middle + place.height / 2 for place, middle in zip(places, middles, strict=True)), default=0.0
    )
    return Layout(tuple(rectangles), tuple(routes), width, height)


def _label_widths(
    places: Sequence[_Place], chains: Iterable[Sequence[int]], lines: Iterable[Line]
) -> dict[int, float]:
    """The width of the longest label that arrives at each layer."""
    labels: dict[int, float] = defaultdict(float)
    for chain, line in zip(chains, lines, strict=True):
        layer = places[chain[-1]].layer
        labels[layer] = max(labels[layer], line.label_width)
    return labels


def _edges_of_columns(
    places: Sequence[_Place], columns: Sequence[Sequence[int]], labels: Mapping[int, float]
) -> list[tuple[float, float]]:
    """Where each layer begins and ends; before it there is room for the longest label that arrives there."""
    edges: list[tuple[float, float]] = []
    x = 0.0
    for layer, column in enumerate(columns):
        x += (CURVE if layer else 0.0) + labels.get(layer, 0.0)
        width = max(places[index].width for index in column)
        edges.append((x, x + width))
        x += width
    return edges


def _ports(
    chains: Sequence[Sequence[int]],
    lines: Sequence[Line],
    middles: Sequence[float],
    rectangles: Sequence[Rectangle],
) -> tuple[dict[int, float], dict[int, tuple[float, float]]]:
    """Where each line leaves its box, and the middle and height of its slot where it arrives."""
    leaving: dict[int, list[int]] = defaultdict(list)
    arriving: dict[int, list[int]] = defaultdict(list)
    for number, chain in enumerate(chains):
        leaving[chain[0]].append(number)
        arriving[chain[-1]].append(number)
    starts: dict[int, float] = {}
    for index, numbers in leaving.items():
        numbers.sort(key=lambda number: (middles[chains[number][1]], number))
        step = min(PORT, rectangles[index].height / (len(numbers) + 1))
        for place, number in enumerate(numbers):
            starts[number] = rectangles[index].middle + step * (place - (len(numbers) - 1) / 2)
    ends: dict[int, tuple[float, float]] = {}
    for index, numbers in arriving.items():
        numbers.sort(key=lambda number: (middles[chains[number][-2]], number))
        heights = [max(lines[number].label_height, SLOT) for number in numbers]
        top = rectangles[index].middle - sum(heights) / 2
        for number, height in zip(numbers, heights, strict=True):
            ends[number] = (top + height / 2, height)
            top += height
    return starts, ends
