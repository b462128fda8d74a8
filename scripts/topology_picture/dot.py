"""A picture in Graphviz' language, for those who want another layout or format."""

from __future__ import annotations

from collections.abc import Mapping

from topology_picture.model import EXCHANGE, SIGNS, Edge, Key, Link, Node, Picture, Status, visible

STYLES = {Link.BINDING: "solid", Link.DEAD_LETTER: "dashed", Link.ALTERNATE: "dotted"}
COLOURS = {
    Status.SAME: "#4a5560",
    Status.DECLARED: "#0072b2",
    Status.BROKER: "#c25100",
    Status.DIFFERS: "#a33b8f",
}


def render(picture: Picture) -> str:
    """The picture as DOT text."""
    title = "\n".join([picture.title, *map(visible, picture.origins)])
    lines = [
        "digraph topology {",
        "  rankdir=LR;",
        f"  label={quoted(title)};",
        '  labelloc="t";',
        '  fontname="sans-serif";',
        '  node [fontname="monospace", shape="box"];',
        '  edge [fontname="monospace"];',
    ]
    lines += [f"  {_id(node.key)} [{_attributes(_node(node))}];" for node in picture.nodes]
    lines += [
        f"  {_id(edge.source)} -> {_id(edge.target)} [{_attributes(_edge(edge))}];" for edge in picture.edges
    ]
    return "\n".join([*lines, "}"]) + "\n"


def quoted(text: str) -> str:
    """A string of DOT, where a backslash would begin an escape; a line's end is one."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _id(key: Key) -> str:
    """An identifier. The kind stands in it, because a queue may have an exchange's name."""
    return quoted(f"{key[0]} {visible(key[1])}")


def _attributes(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={quoted(value)}" for name, value in values.items())


def _node(node: Node) -> dict[str, str]:
    status = [] if node.status is Status.SAME else [f"{SIGNS[node.status]} {node.status}"]
    style = "rounded" if node.key[0] == EXCHANGE else "solid"
    return {
        "label": "\n".join([node.title, *node.about, *status]),
        "style": f"{style},dashed" if node.missing else style,
        "color": COLOURS[node.status],
        "penwidth": "1" if node.status is Status.SAME else "2",
    }


def _edge(edge: Edge) -> dict[str, str]:
    sign, unlabelled = SIGNS[edge.status], "" if edge.link is Link.BINDING else str(edge.link)
    return {
        "label": "\n".join(f"{sign} {label}".strip() for label in edge.labels or (unlabelled,)),
        "style": STYLES[edge.link],
        "color": COLOURS[edge.status],
        "penwidth": "1" if edge.status is Status.SAME else "2",
    }
