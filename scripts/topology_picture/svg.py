"""A picture as SVG: readable by itself, on light and dark ground, without telling colours apart, and in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from rich.cells import cell_len

from topology_picture import layout
from topology_picture.model import EXCHANGE, SIGNS, Edge, Link, Node, Picture, Status, visible

MARGIN = 20.0
NAME_CELL, SMALL_CELL = (
    7.9,
    6.7,
)  # widths of a character: 13 px and 11 px of a monospaced font, a little rounded up
NAME_CELLS, ABOUT_CELLS, LABEL_CELLS = 28, 28, 24
ORIGIN_CELLS = 76
LABELS_SHOWN = 3
ABOUT_LINES = 3
LINE_HEIGHT = 14.0
HEAD, LEGEND_ROW = 50.0, 22.0
ARROW = 7.0
FONT = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# The colours are Okabe and Ito's, darkened or lightened for contrast with the ground; see model.SIGNS.
STYLE = f"""
.bk-ground{{fill:#fff}} .bk-text{{font:13px {FONT};fill:#16191d}} .bk-small{{font:11px {FONT};fill:#454d56}}
.bk-title{{font:bold 17px {FONT};fill:#16191d}}
.bk-box{{stroke:#4a5560;stroke-width:1.3}} .bk-exchange{{fill:#e9f1f8}} .bk-queue{{fill:#f6f2e6}}
.bk-missing{{fill:none;stroke-dasharray:3 3}}
.bk-line{{fill:none;stroke:#4a5560;stroke-width:1.4}} .bk-head{{fill:#4a5560;stroke:none}}
.bk-dashed{{stroke-dasharray:7 4}} .bk-dotted{{stroke-dasharray:2 4}}
.bk-line.bk-declared,.bk-box.bk-declared{{stroke:#0072b2;stroke-width:2.4}}
.bk-head.bk-declared,.bk-mark.bk-declared{{fill:#0072b2}}
.bk-line.bk-broker,.bk-box.bk-broker{{stroke:#c25100;stroke-width:2.4}}
.bk-head.bk-broker,.bk-mark.bk-broker{{fill:#b34b00}}
.bk-box.bk-differs{{stroke:#a33b8f;stroke-width:2.4}} .bk-mark.bk-differs{{fill:#a33b8f}}
.bk-mark{{font-weight:bold}}
@media (prefers-color-scheme:dark){{
.bk-ground{{fill:#14181c}} .bk-text,.bk-title{{fill:#eceff2}} .bk-small{{fill:#b4bdc6}}
.bk-box,.bk-line{{stroke:#97a3ae}} .bk-head{{fill:#97a3ae}} .bk-exchange{{fill:#1d2b38}} .bk-queue{{fill:#2b281c}}
.bk-line.bk-declared,.bk-box.bk-declared{{stroke:#56b4e9}} .bk-head.bk-declared,.bk-mark.bk-declared{{fill:#56b4e9}}
.bk-line.bk-broker,.bk-box.bk-broker{{stroke:#e69f00}} .bk-head.bk-broker,.bk-mark.bk-broker{{fill:#e69f00}}
.bk-box.bk-differs{{stroke:#d98fc6}} .bk-mark.bk-differs{{fill:#d98fc6}}
}}
"""
CLASSES = {Status.SAME: "", Status.DECLARED: "declared", Status.BROKER: "broker", Status.DIFFERS: "differs"}
DASHES = {Link.BINDING: "", Link.DEAD_LETTER: "dashed", Link.ALTERNATE: "dotted"}
Element = ElementTree.Element


def render(picture: Picture) -> str:
    """The picture as SVG text."""
    placed = _placed(picture)
    legend = _legend(picture)
    origins = [_cut(visible(origin), ORIGIN_CELLS) for origin in picture.origins]
    head = HEAD + LINE_HEIGHT * len(origins)
    heads = [
        cell_len(picture.title) * NAME_CELL * 1.35,
        *(cell_len(origin) * SMALL_CELL for origin in origins),
    ]
    width = max(placed.width, *heads, *(60 + cell_len(text) * SMALL_CELL for _, text in legend)) + 2 * MARGIN
    height = head + placed.height + 2 * MARGIN + LEGEND_ROW * len(legend)
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "role": "img",
            "viewBox": f"0 0 {_number(width)} {_number(height)}",
            "width": _number(width),
            "height": _number(height),
        },
    )
    _add(root, "title", picture.title)
    _add(root, "desc", "\n".join([f"{'; '.join(map(visible, picture.origins))}.", *picture.sentences()]))
    _add(root, "style", STYLE)
    _add(root, "rect", width="100%", height="100%", **_classes("ground"))
    _text(root, MARGIN, MARGIN + 14, picture.title, "title")
    for number, origin in enumerate(origins):
        _text(root, MARGIN, MARGIN + 32 + LINE_HEIGHT * number, origin, "small")
    body = _add(root, "g", transform=f"translate({_number(MARGIN)} {_number(head)})")
    for edge, route in zip(_drawn(picture), placed.routes, strict=True):
        _draw_edge(body, edge, route)
    for node, place in zip(picture.nodes, placed.boxes, strict=True):
        _draw_node(body, node, place, _lines(node, _own(node, picture)))
    _draw_legend(root, legend, head + placed.height + MARGIN)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


# --- sizes ---------------------------------------------------------------------------------------------------


def _placed(picture: Picture) -> layout.Layout:
    place = {node.key: index for index, node in enumerate(picture.nodes)}
    boxes = []
    for node in picture.nodes:
        lines = _lines(node, _own(node, picture))
        name, *rest = (cell_len(text) for text, _ in lines)
        width = max(name * NAME_CELL, *(cells * SMALL_CELL for cells in (*rest, 0))) + 24
        boxes.append(layout.Box(width, 14 + LINE_HEIGHT * len(lines)))
    lines_ = []
    for edge in _drawn(picture):
        labels = _labels(edge)
        cells = max((cell_len(text) for text in labels), default=0)
        room = cells * SMALL_CELL + 14 if labels else ARROW
        lines_.append(
            layout.Line(place[edge.source], place[edge.target], room, LINE_HEIGHT * len(labels) + 4)
            if labels
            else layout.Line(place[edge.source], place[edge.target], room)
        )
    return layout.arrange(boxes, lines_)


def _drawn(picture: Picture) -> list[Edge]:
    """The ways that are lines: one that leads back to where it began is said inside the box."""
    return [edge for edge in picture.edges if edge.source != edge.target]


def _own(node: Node, picture: Picture) -> list[str]:
    return [
        f"{SIGNS[edge.status]} {edge.link} to itself".strip()
        for edge in picture.edges
        if edge.source == edge.target == node.key
    ]


def _lines(node: Node, own: Iterable[str]) -> list[tuple[str, str]]:
    """The lines of text in a box, and the class of each."""
    lines = [(_cut(node.title, NAME_CELLS), "text")]
    for text in (*node.about, *own):
        wrapped = textwrap.wrap(text, ABOUT_CELLS, max_lines=ABOUT_LINES, placeholder="…")
        lines += [(_cut(line, ABOUT_CELLS), "small") for line in wrapped]
    if node.status is not Status.SAME:
        lines.append((f"{SIGNS[node.status]} {node.status}", f"small mark {CLASSES[node.status]}"))
    return lines


def _labels(edge: Edge) -> list[str]:
    """The lines of a label: not all of very many, those are in the tooltip."""
    labels = list(edge.labels) or ([] if edge.link is Link.BINDING else [str(edge.link)])
    if len(labels) > LABELS_SHOWN:
        labels = [*labels[: LABELS_SHOWN - 1], f"and {len(labels) - LABELS_SHOWN + 1} more"]
    sign = SIGNS[edge.status]
    return [_cut(f"{sign} {label}".strip(), LABEL_CELLS) for label in labels or ([""] if sign else [])]


def _cut(text: str, cells: int) -> str:
    """A text that fits; what was cut is in the tooltip."""
    if cell_len(text) <= cells:
        return text
    while cell_len(text) >= cells:
        text = text[:-1]
    return text + "…"


# --- drawing -------------------------------------------------------------------------------------------------


def _draw_node(
    parent: Element, node: Node, place: layout.Rectangle, lines: Sequence[tuple[str, str]]
) -> None:
    group = _add(parent, "g")
    _add(group, "title", "\n".join([node.title, *node.about]))
    exchange = node.key[0] == EXCHANGE
    names = ["box", node.key[0], "missing" if node.missing else "", CLASSES[node.status]]
    _add(
        group,
        "rect",
        x=_number(place.x),
        y=_number(place.y),
        width=_number(place.width),
        height=_number(place.height),
        rx="16" if exchange else "2",
        **_classes(*names),
    )
    top = place.middle - LINE_HEIGHT * len(lines) / 2
    for number, (text, names_) in enumerate(lines):
        y = top + LINE_HEIGHT * (number + 1) - 3
        _text(group, place.x + place.width / 2, y, text, *names_.split(), middle=True)


def _draw_edge(parent: Element, edge: Edge, route: layout.Route) -> None:
    group = _add(parent, "g")
    _add(group, "title", "\n".join([str(edge.link), *edge.labels]))
    _add(group, "path", d=_path(route), **_classes("line", DASHES[edge.link], CLASSES[edge.status]))
    tip, back = (route.points[0], ARROW) if route.backwards else (route.points[-1], -ARROW)
    corners = (tip, (tip[0] + back, tip[1] - ARROW / 2), (tip[0] + back, tip[1] + ARROW / 2))
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in corners)
    _add(group, "polygon", points=points, **_classes("head", CLASSES[edge.status]))
    labels = _labels(edge)
    mark = ["mark", CLASSES[edge.status]] if edge.status is not Status.SAME else []
    for number, text in enumerate(labels):
        y = route.label.y + route.label.height - 7 - LINE_HEIGHT * (len(labels) - 1 - number)
        _text(group, route.label.x + 4, y, text, "small", *mark)


def _path(route: layout.Route) -> str:
    """Bends between the layers and level parts through them."""
    (x, y), *rest = route.points
    parts = [f"M{_number(x)} {_number(y)}"]
    for number, (to_x, to_y) in enumerate(rest):
        if number % 2 == 0:
            parts.append(f"H{_number(to_x)}")
        else:
            half = (x + to_x) / 2
            parts.append(
                f"C{_number(half)} {_number(y)} {_number(half)} {_number(to_y)} {_number(to_x)} {_number(to_y)}"
            )
        x, y = to_x, to_y
    return "".join(parts)


def _legend(picture: Picture) -> list[tuple[tuple[str, ...], str]]:
    """What occurs in the picture: the classes of a sample, and what it means."""
    kinds = {node.key[0] for node in picture.nodes}
    entries: list[tuple[tuple[str, ...], str]] = [
        (("box", kind), kind) for kind in ("exchange", "queue") if kind in kinds
    ]
    if any(node.missing for node in picture.nodes):
        entries.append((("box", "missing"), "named by others, and nowhere to be found"))
    entries += [
        (("line", DASHES[link]), str(link))
        for link in Link
        if any(edge.link is link for edge in picture.edges)
    ]
    if picture.compared:
        found = {node.status for node in picture.nodes} | {edge.status for edge in picture.edges}
        entries += [
            (("box", CLASSES[status]), f"{SIGNS[status]} {status}")
            for status in Status
            if status in found and status is not Status.SAME
        ] or [((), "no difference")]
    return entries


def _draw_legend(root: Element, entries: Iterable[tuple[tuple[str, ...], str]], top: float) -> None:
    for number, (names, text) in enumerate(entries):
        y = top + LEGEND_ROW * number
        if "box" in names:
            place = {"x": _number(MARGIN), "y": _number(y), "width": "34", "height": "14"}
            fill = {} if {"exchange", "queue"} & set(names) else {"fill": "none"}
            _add(root, "rect", rx="7" if "exchange" in names else "2", **place, **fill, **_classes(*names))
        elif names:
            _add(root, "path", d=f"M{_number(MARGIN)} {_number(y + 7)}h34", **_classes(*names))
        _text(root, MARGIN + 46, y + 11, text, "small")


def _text(parent: Element, x: float, y: float, text: str, *names: str, middle: bool = False) -> None:
    anchor = {"text-anchor": "middle"} if middle else {}
    _add(parent, "text", text, x=_number(x), y=_number(y), **anchor, **_classes(*names))


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _classes(*names: str) -> dict[str, str]:
    return {"class": " ".join(f"bk-{name}" for name in names if name)}


def _number(value: float) -> str:
    """A number that is written the same on every machine."""
    return f"{value:.1f}".removesuffix(".0")
