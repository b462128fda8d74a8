"""The picture of a virtual host: what is in it, where it is, and that no name breaks the formats."""

from __future__ import annotations

import io
import json
import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
import topology
from hypothesis import given, settings, strategies as st
from probes.model import ExitCode
from role_files import ROOT
from topology_picture import dot, graph, layout, sources, svg
from topology_picture.model import EXCHANGE, QUEUE, Edge, Link, Node, Picture, Status

SVG = "{http://www.w3.org/2000/svg}"
DECLARED = """
rabbitmq_topology_user: admin
rabbitmq_topology_vhosts: [{name: shop}]
rabbitmq_topology_users: [{name: app, password: !vault "$ANSIBLE_VAULT;1.1"}]
rabbitmq_topology_policies:
  - {vhost: shop, name: low, pattern: "^mail", definition: {dead-letter-exchange: elsewhere}}
  - {vhost: shop, name: dlx, pattern: "^mail", definition: {dead-letter-exchange: failed}, priority: 5}
  - {vhost: shop, name: streams, pattern: "", definition: {dead-letter-exchange: elsewhere}, priority: 9,
     apply_to: streams}
rabbitmq_topology_exchanges:
  - {vhost: shop, name: orders, type: topic, arguments: {alternate-exchange: unrouted}}
  - {vhost: shop, name: failed, type: fanout, durable: false, arguments: {alternate-exchange: unrouted}}
  - {vhost: shop, name: unrouted, type: fanout, internal: true, bindings: [{source: amq.fanout}]}
rabbitmq_topology_queues:
  - {vhost: shop, name: mail, type: quorum,
     bindings: [{source: orders, routing_key: b}, {source: orders, routing_key: a}]}
  - {vhost: shop, name: mail.own, arguments: {x-dead-letter-exchange: "", x-dead-letter-routing-key: mail}}
  - {vhost: shop, name: parking, bindings: [{source: amq.headers, arguments: {x-match: any, n: 1}}]}
"""
ORDERS, FAILED, UNROUTED = (EXCHANGE, "orders"), (EXCHANGE, "failed"), (EXCHANGE, "unrouted")
MAIL, OWN, PARKING = (QUEUE, "mail"), (QUEUE, "mail.own"), (QUEUE, "parking")


def drawn(tmp_path: Path, text: str = DECLARED, vhost: str | None = None, **other: object) -> Picture:
    """The picture of a variables file, or its difference from definitions."""
    declared = tmp_path / "topology.yml"
    declared.write_text(text)
    right = None
    if other:
        exported = tmp_path / "definitions.json"
        exported.write_text(json.dumps({"rabbitmq_version": "4.0.5", "vhosts": [{"name": "shop"}], **other}))
        right = sources.definitions(exported)
    return graph.picture_of(vhost, sources.declared([declared]), right)


def ways(picture: Picture) -> dict[tuple[object, ...], tuple[str, ...]]:
    return {(edge.source, edge.target, edge.link): edge.labels for edge in picture.edges}


def nodes(picture: Picture) -> dict[object, Node]:
    return {node.key: node for node in picture.nodes}


# --- what is in it -------------------------------------------------------------------------------------------


def test_bindings_dead_letters_and_alternate_exchanges_are_the_ways(tmp_path):
    assert ways(drawn(tmp_path)) == {
        (ORDERS, MAIL, Link.BINDING): ("a", "b"),
        ((EXCHANGE, "amq.fanout"), UNROUTED, Link.BINDING): (),
        ((EXCHANGE, "amq.headers"), PARKING, Link.BINDING): ("n=1, x-match=any",),
        (ORDERS, UNROUTED, Link.ALTERNATE): (),
        (FAILED, UNROUTED, Link.ALTERNATE): (),
        (MAIL, FAILED, Link.DEAD_LETTER): ("policy dlx",),
        (OWN, MAIL, Link.DEAD_LETTER): (),
    }


def test_a_box_says_what_it_is(tmp_path):
    found = nodes(drawn(tmp_path))
    assert found[ORDERS].about == ("topic exchange",)
    assert found[FAILED].about == ("fanout exchange, not durable",)
    assert found[UNROUTED].about == ("fanout exchange, internal",)
    assert found[MAIL].about == ("quorum queue",)
    assert found[EXCHANGE, "amq.headers"].about == ("headers exchange, built in",)


def test_dead_letters_to_nowhere_are_shown_as_such(tmp_path):
    text = "queues: [{vhost: v, name: q, arguments: {x-dead-letter-exchange: gone}}]"
    node = nodes(drawn(tmp_path, text))[EXCHANGE, "gone"]
    assert node.missing and node.about == ("exchange, is not declared",)


def test_the_default_exchange_has_a_name(tmp_path):
    text = "queues: [{vhost: v, name: q, arguments: {x-dead-letter-exchange: ''}}]"
    assert nodes(drawn(tmp_path, text))[EXCHANGE, ""].title == "(default exchange)"


def test_an_argument_of_the_queue_comes_before_a_policy(tmp_path):
    text = DECLARED.replace('x-dead-letter-exchange: ""', "x-dead-letter-exchange: unrouted")
    assert ways(drawn(tmp_path, text))[OWN, UNROUTED, Link.DEAD_LETTER] == ("as mail",)


@pytest.mark.parametrize(
    ("one", "other", "wins"), [(None, 1, "b"), (None, 0, "a"), (-1, None, "b"), (2, 1, "a")]
)
def test_the_policy_of_the_highest_priority_counts_which_is_0_if_not_declared(tmp_path, one, other, wins):
    policies = [
        {
            "vhost": "v",
            "name": name,
            "pattern": "",
            "definition": {"dead-letter-exchange": "x"},
            "priority": priority,
        }
        for name, priority in (("a", one), ("b", other))
    ]
    policies = [{key: value for key, value in policy.items() if value is not None} for policy in policies]
    text = json.dumps({"queues": [{"vhost": "v", "name": "q"}], "policies": policies})
    assert ways(drawn(tmp_path, text)) == {
        ((QUEUE, "q"), (EXCHANGE, "x"), Link.DEAD_LETTER): (f"policy {wins}",)
    }


def test_the_order_of_declarations_means_nothing(tmp_path):
    lines = DECLARED.splitlines()
    exchanges, queues = lines[10:13], [lines[14] + lines[15].strip(), *lines[16:]]
    turned = [*lines[:10], *exchanges[::-1], lines[13], *queues[::-1]]
    assert turned != lines
    assert svg.render(drawn(tmp_path)) == svg.render(drawn(tmp_path, "\n".join(turned)))


# --- the difference ------------------------------------------------------------------------------------------

QUEUE_FIELDS = {"vhost": "shop", "durable": True, "auto_delete": False}
BROKER = {
    "exchanges": [
        {**QUEUE_FIELDS, "name": "orders", "type": "topic", "internal": False,
         "arguments": {"alternate-exchange": "unrouted"}},
        {**QUEUE_FIELDS, "name": "failed", "type": "direct", "internal": False, "arguments": {}},
    ],
    "queues": [
        {**QUEUE_FIELDS, "name": "mail", "type": "quorum", "arguments": {"x-queue-type": "quorum"}},
        {**QUEUE_FIELDS, "name": "old", "arguments": {"x-dead-letter-exchange": "failed"}},
    ],
    "bindings": [
        {"vhost": "shop", "source": "orders", "destination_type": "queue", "destination": "mail", "routing_key": key,
         "arguments": {}}
        for key in ("a", "c")
    ],
}  # fmt: skip


def test_the_difference_marks_every_thing(tmp_path):
    picture = drawn(tmp_path, **BROKER)
    statuses = {key: node.status for key, node in nodes(picture).items()}
    assert statuses == {
        ORDERS: Status.SAME,
        FAILED: Status.DIFFERS,
        UNROUTED: Status.DECLARED,
        (EXCHANGE, "amq.fanout"): Status.SAME,
        (EXCHANGE, "amq.headers"): Status.SAME,
        MAIL: Status.SAME,
        OWN: Status.DECLARED,
        PARKING: Status.DECLARED,
        (QUEUE, "old"): Status.BROKER,
    }
    assert nodes(picture)[FAILED].about[1:] == (
        "type: direct, declared fanout",
        "durable: true, declared false",
        "alternate-exchange: none, declared unrouted",
    )
    found = {(edge.source, edge.target, edge.labels): edge.status for edge in picture.edges}
    assert found[ORDERS, MAIL, ("a",)] is Status.SAME
    assert found[ORDERS, MAIL, ("b",)] is Status.DECLARED
    assert found[ORDERS, MAIL, ("c",)] is Status.BROKER
    assert found[MAIL, FAILED, ("policy dlx",)] is Status.DECLARED
    assert found[(QUEUE, "old"), FAILED, ()] is Status.BROKER
    assert found[ORDERS, UNROUTED, ()] is Status.SAME


def test_a_difference_is_told_by_words_and_signs_too(tmp_path):
    text = svg.render(drawn(tmp_path, **BROKER))
    shown = [element.text for element in ElementTree.fromstring(text).iter(f"{SVG}text")]  # noqa: S314 - our own
    for words in (
        "+ only declared",
        "\N{MINUS SIGN} only on the broker",
        "≠ differs",
        "+ b",
        "\N{MINUS SIGN} c",
    ):
        assert words in shown


def test_what_shall_be_absent_is_only_on_the_broker(tmp_path):
    text = "queues: [{vhost: shop, name: mail, state: absent}]"
    found = nodes(drawn(tmp_path, text, **BROKER))
    assert found[MAIL].status is Status.BROKER


def test_equal_sides_have_no_difference(tmp_path):
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps({"rabbitmq_version": "4.0.5", "vhosts": [{"name": "shop"}], **BROKER}))
    held = sources.definitions(path)
    picture = graph.picture_of(None, held, held)
    assert {node.status for node in picture.nodes} == {Status.SAME} == {edge.status for edge in picture.edges}
    assert "no difference" in svg.render(picture)


# --- where it is ---------------------------------------------------------------------------------------------


def overlap(one: layout.Rectangle, other: layout.Rectangle) -> bool:
    apart = (one.x + one.width <= other.x + 0.01, other.x + other.width <= one.x + 0.01,
             one.y + one.height <= other.y + 0.01, other.y + other.height <= one.y + 0.01)  # fmt: skip
    return not any(apart)


SIZES = st.floats(10, 300)
BOXES = st.lists(st.builds(layout.Box, SIZES, SIZES), min_size=1, max_size=20)


@settings(max_examples=80, deadline=None)
@given(BOXES, st.data())
def test_boxes_and_labels_do_not_overlap(boxes, data):
    ends = st.integers(0, len(boxes) - 1)
    label = st.sampled_from([(0.0, 0.0), (90.0, 18.0), (150.0, 46.0)])
    drawn_lines = st.tuples(ends, ends, label).filter(lambda line: line[0] != line[1])
    lines = [layout.Line(a, b, *size) for a, b, size in data.draw(st.lists(drawn_lines, max_size=40))]
    placed = layout.arrange(boxes, lines)
    rooms = [*placed.boxes, *(route.label for route in placed.routes if route.label.width)]
    assert not [pair for pair in combinations(rooms, 2) if overlap(*pair)]
    for room, box in zip(placed.boxes, boxes, strict=True):
        assert room.width == box.width and room.height >= box.height
        assert room.x >= -0.01 and room.x + room.width <= placed.width + 0.01
        assert room.y >= -0.01 and room.y + room.height <= placed.height + 0.01
    for route, line in zip(placed.routes, lines, strict=True):
        left, right = (line.target, line.source) if route.backwards else (line.source, line.target)
        left, right = placed.boxes[left], placed.boxes[right]
        assert route.points[0][0] == left.x + left.width and route.points[-1][0] == right.x
        assert left.y <= route.points[0][1] <= left.y + left.height
        assert right.y <= route.points[-1][1] <= right.y + right.height
        # Between two layers the line may bend; through a layer it is level and meets no box.
        for (start, height), (end, same) in zip(route.points[::2], route.points[1::2], strict=True):
            level = layout.Rectangle(start, height, end - start, 0.1)
            assert height == same and level.width >= 0
            assert not [room for room in placed.boxes if overlap(room, level)]
        for (start, _), (end, _) in zip(route.points[1::2], route.points[2::2], strict=False):
            assert start < end
            assert not [room for room in rooms if overlap(room, layout.Rectangle(start, 0, end - start, 1e6))]


def test_a_line_without_a_label_needs_no_room_for_one():
    boxes = [layout.Box(10, 10), layout.Box(10, 10)]
    bare = layout.arrange(boxes, [layout.Line(0, 1)])
    assert bare.routes[0].label.width == 0
    assert bare.width < layout.arrange(boxes, [layout.Line(0, 1, 5, 5)]).width


def test_lines_run_backwards_only_in_a_cycle():
    boxes = [layout.Box(50, 20)] * 4
    straight = layout.arrange(
        boxes, [layout.Line(0, 1), layout.Line(1, 2), layout.Line(0, 2), layout.Line(3, 2)]
    )
    assert not any(route.backwards for route in straight.routes)
    cycle = layout.arrange(boxes, [layout.Line(0, 1), layout.Line(1, 2), layout.Line(2, 1)])
    assert [route.backwards for route in cycle.routes] == [False, False, True]


# --- names ---------------------------------------------------------------------------------------------------

NAMES = st.one_of(
    st.text(min_size=1, max_size=12),
    st.sampled_from(
        ['a"b', "</text><script>", "&amp;", "\\", "\\N", "a\nb", "\x00", "\ufffe", "]]>", "ü/ö %", "你好"]
    ),
)


def of_names(one: str, other: str, key: str) -> Picture:
    ends = ((EXCHANGE, one), (QUEUE, other))
    return Picture(
        f"Virtual host {key!r}",
        (key,),
        tuple(Node(end, ("topic exchange",)) for end in ends),
        (Edge(*ends, Link.BINDING, (graph.visible(key),)),),
    )


@settings(max_examples=80, deadline=None)
@given(NAMES, NAMES, NAMES)
def test_any_name_makes_well_formed_svg_that_shows_it(one, other, key):
    text = svg.render(of_names(one, other, key))
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "style", "rect", "g", "path", "polygon", "text",
    }  # fmt: skip
    shown = [element.text for element in root.iter(f"{SVG}text")]
    assert all(graph.visible(name)[:10] in " ".join(shown) for name in (one, other))
    assert text.encode().decode() == text


@settings(max_examples=80, deadline=None)
@given(NAMES, NAMES, NAMES)
def test_any_name_makes_dot_whose_strings_end_where_they_should(one, other, key):
    text = dot.render(of_names(one, other, key))
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "S", text)
    assert bare.splitlines()[7:] == [
        "  S [label=S, style=S, color=S, penwidth=S];",
        "  S [label=S, style=S, color=S, penwidth=S];",
        "  S -> S [label=S, style=S, color=S, penwidth=S];",
        "}",
    ]


def dot_lines(*nodes: Node, edges: tuple[Edge, ...] = ()) -> list[str]:
    return [line.strip() for line in dot.render(Picture("t", ("o",), nodes, edges)).splitlines()[7:-1]]


def test_dot_tells_exchanges_from_queues_and_marks_what_is_not_declared():
    exchange, queue = dot_lines(
        Node((EXCHANGE, "e"), ("topic exchange",), missing=True), Node(MAIL, ("queue",))
    )
    assert '"e\\ntopic exchange"' in exchange and 'style="rounded,dashed"' in exchange
    assert '"mail\\nqueue"' in queue and 'style="solid"' in queue and 'penwidth="1"' in queue


def test_dot_tells_a_difference_by_words_colour_and_weight():
    same, differs = Node(MAIL, ("queue",)), Node(OWN, ("queue",), status=Status.DECLARED)
    edges = tuple(
        Edge(ORDERS, MAIL, Link.BINDING, ("k",), status) for status in (Status.SAME, Status.DECLARED)
    )
    lines = dot_lines(same, differs, edges=edges)
    for plain, marked in (lines[:2], lines[2:]):
        colours = [re.search(r'color="(.*?)"', line)[1] for line in (plain, marked)]
        assert colours[0] != colours[1] and 'penwidth="1"' in plain and 'penwidth="2"' in marked
    assert "+ " in lines[1] and '"+ k"' in lines[3] and '"k"' in lines[2]


@given(st.text())
def test_a_string_of_dot_is_the_text_again(text):
    inner = dot.quoted(text)[1:-1]
    assert re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), inner, flags=re.DOTALL) == text


def test_a_long_name_is_cut_and_whole_in_the_tooltip():
    name = "n" * 200
    root = ElementTree.fromstring(svg.render(of_names(name, "q", "")))  # noqa: S314 - our own
    assert name not in [element.text for element in root.iter(f"{SVG}text")]
    assert any((element.text or "").startswith(name) for element in root.iter(f"{SVG}title"))


@pytest.mark.parametrize(("length", "whole"), [(24, True), (25, False)])
def test_a_label_has_room_for_24_characters(length, whole):
    boxes = Node(ORDERS, ("topic exchange",)), Node(MAIL, ("queue",))
    picture = Picture("t", ("o",), boxes, (Edge(ORDERS, MAIL, Link.BINDING, ("k" * length,)),))
    root = ElementTree.fromstring(svg.render(picture))  # noqa: S314 - our own
    assert ("k" * length in [element.text for element in root.iter(f"{SVG}text")]) is whole


def test_a_way_that_returns_is_said_in_its_box():
    key = (QUEUE, "q")
    text = svg.render(Picture("t", ("o",), (Node(key, ("queue",)),), (Edge(key, key, Link.DEAD_LETTER, ()),)))
    assert "dead letters to itself" in text


def test_the_picture_is_in_words_for_who_does_not_see_it(tmp_path):
    root = ElementTree.fromstring(svg.render(drawn(tmp_path)))  # noqa: S314 - our own
    assert root.get("role") == "img"
    assert [element.tag for element in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert "dead letters from queue mail to exchange failed (policy dlx)." in (root[1].text or "")


# --- the command ---------------------------------------------------------------------------------------------


def run(*words: object, **environment: str) -> tuple[int, str, str]:
    out, errors = io.StringIO(), io.StringIO()
    return (
        topology.main([str(word) for word in words], environment, out, errors),
        out.getvalue(),
        errors.getvalue(),
    )


def test_the_format_is_told_by_the_name_of_the_file(tmp_path):
    declared = tmp_path / "t.yml"
    declared.write_text(DECLARED)
    for name, start in (("a.svg", "<svg"), ("a.dot", "digraph"), ("a.gv", "digraph")):
        assert run("--declared", declared, "-o", tmp_path / name) == (0, "", "")
        assert (tmp_path / name).read_text().startswith(start)
    assert run("--declared", declared, "--format", "dot")[1].startswith("digraph")


TWO = "vhosts: [{name: a}, {name: b}]"


@pytest.mark.parametrize(
    ("words", "content", "code", "sentence"),
    [
        ([], None, ExitCode.USAGE, "--declared, --definitions, --management: give one of them"),
        (["--declared", "FILE", "--ca-file", "x"], TWO, ExitCode.USAGE, "--ca-file belongs to --management"),
        (["--declared", "FILE"], TWO, ExitCode.USAGE, "--vhost: is missing, and there is more than one; name one of"),
        (["--declared", "FILE", "--vhost", "c"], TWO, ExitCode.USAGE, "--vhost: there is no virtual host 'c'"),
        (["--declared", "FILE"], None, ExitCode.NO_INPUT, "--declared: "),
        (["--declared", "FILE"], "a: 1", ExitCode.DATA, "declares nothing"),
        (["--declared", "FILE"], "[1]", ExitCode.DATA, "holds no variables"),
        (["--declared", "FILE"], "a: [", ExitCode.DATA, "is not YAML"),
        (["--declared", "FILE"], "$ANSIBLE_VAULT;1.1;AES256\n00", ExitCode.DATA, "is encrypted; leave it out"),
        (["--declared", "FILE"], "queues: no", ExitCode.DATA, "rabbitmq_topology_queues: is true or false"),
        (["--declared", "FILE"], "queues: '{{ queues }}'", ExitCode.DATA, "rabbitmq_topology_queues: is a text"),
        (["--definitions", "FILE"], None, ExitCode.DATA, "--definitions: "),
        (["--definitions", "FILE"], '{"vhosts": [], "queues": [{}]}', ExitCode.DATA, "is not a complete export"),
        (["--definitions", "FILE"], "{}", ExitCode.DATA, "holds no definitions of a whole broker"),
        (["--management", "http://u:secret@h"], None, ExitCode.USAGE, "--management: the URL holds a password"),
        (["--management", "ftp://u@h"], None, ExitCode.USAGE, "--management: is no URL with a user and a host"),
        (["--management", "http://u@h:x"], None, ExitCode.USAGE, "--management: Port"),
        (["--management", "http://u@h"], None, ExitCode.USAGE, "give the password with --password-file"),
        (["--nonsense"], None, ExitCode.USAGE, "unrecognized arguments: --nonsense"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(tmp_path, words, content, code, sentence):
    path = tmp_path / "file.yml"
    if content is not None:
        path.write_text(content)
    got, out, errors = run(*[str(path) if word == "FILE" else word for word in words])
    assert (got, out) == (code, "") and sentence in errors
    assert errors.count("\n") == 1 and "Traceback" not in errors and "secret" not in errors


def test_a_broker_that_is_away_is_said_so():
    code, _, errors = run("--management", "http://u@127.0.0.1:9", BROKERKIT_PASSWORD="x")
    assert code == ExitCode.UNAVAILABLE and "--management: nothing listens at http://127.0.0.1:9" in errors


def test_an_unwritable_picture_is_said_so(tmp_path):
    declared = tmp_path / "t.yml"
    declared.write_text(DECLARED)
    code, _, errors = run("--declared", declared, "-o", tmp_path / "no" / "a.svg")
    assert code == ExitCode.CANNOT_CREATE and "cannot be written" in errors


def test_the_picture_of_the_documentation_is_current(monkeypatch):
    """Made from files of this repository, so it is the same on every machine."""
    monkeypatch.chdir(ROOT)
    folder = "docs/topology-example"
    code, picture, _ = run("--declared", f"{folder}/shop.yml", "--definitions", f"{folder}/broker.json")
    assert code == 0
    assert picture == (ROOT / "docs/topology.svg").read_text(), (
        "draw it anew; docs/topology.md has the command"
    )
