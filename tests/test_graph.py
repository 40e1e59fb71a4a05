"""The graph as a thing to look at: statistics, DOT, Mermaid and SVG, and the command that shows them.

Flops are compared with closed forms; pictures are parsed, not compared with stored ones: what is in them, that nothing
overlaps, and that names from outside stay names.
"""

from __future__ import annotations

import html
import re
import sys
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from documents import ROOT, blocks, check_console, check_session

import gradcheck_cli
from gradcheck_cli import Function, Tensor, UsageError, cli, draw_graph, graph_stats, ops
from gradcheck_cli.engine.graph import describe
from gradcheck_cli.report.graph import mermaid, svg
from gradcheck_cli.report.graph.columns import placed
from gradcheck_cli.report.graph.crossings import crossings, ordered
from gradcheck_cli.report.graph.labels import scaled, shown, size
from gradcheck_cli.report.graph.layers import Wire, layered
from gradcheck_cli.report.graph.layout import Box, layout
from gradcheck_cli.report.graph.relaxing import relaxed

SPECS = ROOT / "specs"
TUTORIAL = str(SPECS / "tutorial.yaml")
SVG = "{http://www.w3.org/2000/svg}"


def leaf(value, name=""):
    return Tensor(value, requires_grad=True, name=name)


def array(*shape):
    return leaf(np.random.default_rng(len(shape)).normal(size=shape))


def chain(length):
    x = y = leaf(1.0)
    for _ in range(length):
        y = y * x
    return y


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2.0 * x * g


@pytest.fixture
def z():
    """Scenario 13: y = w x + b, z = y^2, the square by a hand-written rule; w and b are parameters, x is a leaf."""
    x, w, b = leaf(2.0, "x"), leaf(3.0), leaf(1.0)
    out = Square.apply(w * x + b)
    out.name = "z"
    return out, {"w": w, "b": b}


# Statistics.


def test_statistics_of_a_small_graph():
    x, w, b = leaf(2.0, "x"), leaf(3.0), leaf(1.0)
    stats = graph_stats((w * x + b) ** 2)
    assert (stats.nodes, stats.edges, stats.depth, stats.leaves, stats.custom) == (6, 5, 4, 3, 0)
    assert (stats.width, stats.fan_out, stats.unknown_flops) == (2, 1, 0)
    assert stats.ops == {"power": 1, "add": 1, "mul": 1}
    assert (stats.forward_flops, stats.backward_flops) == (3, 5)  # a rule for each of w, x, w x, b and y


def test_statistics_of_no_graph():
    stats = graph_stats([Tensor(1.0)])
    assert (stats.nodes, stats.edges, stats.depth, stats.width, stats.fan_out) == (0, 0, 0, 0, 0)
    assert stats.largest_saved == ()
    with pytest.raises(UsageError, match="must be tensors, but one is a float"):
        graph_stats([1.0])


def test_fan_out_and_width():
    x = leaf(1.0)
    stats = graph_stats([ops.sin(x), ops.cos(x), x * x])
    assert (stats.fan_out, stats.width, stats.depth) == (4, 3, 2)


def test_largest_savers_are_pieces_of_memory():
    w, x = leaf(np.ones((8, 8)), "w"), leaf(np.ones((8, 4)), "x")
    stats = graph_stats((w @ x).sum() + (w.T @ x).sum() + ops.exp(x).sum())
    first, second, third = stats.largest_saved
    assert (first.nbytes, first.leaf, first.value.shape) == (512, "w", (8, 8))  # w and its transpose are the same memory
    assert sorted(first.kept_by) == ["matmul.x1", "matmul.x1"]
    assert (second.nbytes, second.leaf) == (256, "x")
    assert (third.nbytes, third.leaf, third.kept_by) == (256, "", ("exp.y",))
    assert sum(saver.nbytes for saver in stats.largest_saved) == stats.saved_bytes == 1024


def test_at_most_ten_savers_are_named():
    stats = graph_stats([ops.exp(leaf(np.ones(k))) for k in range(1, 13)])
    assert [saver.nbytes for saver in stats.largest_saved] == [8 * k for k in range(12, 2, -1)]


@pytest.mark.slow
def test_long_chain_without_recursion():
    stats = graph_stats(chain(20_000))
    assert (stats.nodes, stats.depth, stats.width, stats.fan_out) == (20_001, 20_001, 1, 20_001)
    assert (stats.forward_flops, stats.backward_flops) == (20_000, 40_000)


def test_saved_values_are_gone_after_backward():
    y = (leaf([1.0, 2.0]) ** 2).sum()
    y.backward()
    stats = graph_stats(y)
    assert (stats.saved_bytes, stats.largest_saved) == (0, ())
    assert "saved values freed" in draw_graph(y, "dot")


# Flops.


def flops(*outputs):
    stats = graph_stats(outputs)
    return stats.forward_flops, stats.backward_flops, stats.unknown_flops


M, N, K = 3, 5, 4


@pytest.mark.parametrize(
    ("make", "forward", "backward"),
    [
        (lambda: array(M, K) @ array(K, N), 2 * M * N * K, 4 * M * N * K),
        (lambda: array(M, K) @ Tensor(np.ones((K, N))), 2 * M * N * K, 2 * M * N * K),
        (lambda: array(7, M, K) @ array(K, N), 7 * 2 * M * N * K, 7 * 4 * M * N * K),
        (lambda: array(K) @ array(K), 2 * K, 4 * K),
        (lambda: array(M, K) @ array(K), 2 * M * K, 4 * M * K),
        (lambda: ops.einsum("ij,jk->ik", array(M, K), array(K, N)), 2 * M * N * K, 4 * M * N * K),
        (lambda: ops.einsum("...ij,...jk", array(6, M, K), array(6, K, N)), 6 * 2 * M * N * K, 6 * 4 * M * N * K),
        (lambda: ops.einsum("i,j->ij", array(M), array(N)), M * N, 4 * M * N),  # the rules sum, the product does not
        (lambda: ops.einsum("ij->", array(M, N)), M * N, 0),  # and here the other way round
        (lambda: ops.exp(array(M, N)), M * N, M * N),
        (lambda: array(M, N) * array(N), M * N, 2 * M * N),
        (lambda: ops.sum(array(M, N), axis=0), M * N, M * N),
        (lambda: ops.softmax(array(M, N)), 5 * M * N, 4 * M * N),
        (lambda: array(M, N).T.reshape(-1)[2:], 0, 0),
        (lambda: ops.concatenate([array(M), array(N)]), 0, 0),
    ],
)
def test_flops_known(make, forward, backward):
    assert flops(make()) == (forward, backward, 0)


def test_flops_unknown_are_counted_and_left_out():
    a = leaf(np.eye(3) + 0.1)
    assert flops(ops.inv(a) @ a) == (2 * 27, 4 * 27, 1)
    assert flops(Square.apply(a)) == (0, 0, 1)
    assert flops(ops.sort(array(M)) * 2.0) == (M, M, 1)


def test_flops_of_a_freed_einsum_are_unknown():
    y = ops.einsum("i,i->", array(M), array(M))
    y.backward()
    assert flops(y) == (0, 0, 1)


# The description.


def test_description(z):
    out, params = z
    graph = describe(out, params)
    assert [(n.kind, n.name) for n in graph.nodes] == [
        ("parameter", "w"),
        ("leaf", "x"),
        ("op", "mul"),
        ("parameter", "b"),
        ("op", "add"),
        ("custom", "Square"),
    ]
    assert [(e.source, e.target, e.input_name) for e in graph.edges][:4] == [
        (0, 2, "x1"),
        (1, 2, "x2"),
        (2, 4, "x1"),
        (3, 4, "x2"),
    ]
    assert [(y.name, y.source) for y in graph.outputs] == [("z", 5)]
    assert [(s.name, s.leaf) for s in graph.nodes[2].saved] == [("x1", "w"), ("x2", "x")]
    assert all(e.source < e.target for e in graph.edges)


def test_parameters_that_say_something_are_described():
    x = array(2, 3)

    def params(y):
        return dict(describe(y).nodes[-1].params)

    assert params(ops.sum(x)) == params(ops.sum(x, axis=None)) == {}
    assert params(ops.sum(x, axis=0)) == {"axis": "0"}
    assert params(ops.sum(x, axis=(0, 1), keepdims=True)) == {"axis": "(0, 1)", "keepdims": "True"}
    assert params(x[0, 1:]) == {"index": "(0, 1:)"}
    assert params(x[::2, ..., None]) == {"index": "(::2, ..., None)"}
    assert params(x[np.array([0, 1])]) == {"index": "int64 (2,)"}
    assert params(ops.einsum("ij->ji", x)) == {"subscripts": "ij->ji"}
    assert params(ops.reshape(x, (6,))) == {"shape": "(6,)"}


@pytest.mark.parametrize("format", ["dot", "mermaid", "svg"])
def test_parameters_are_drawn(format):
    assert "axis=1" in draw_graph(ops.sum(array(2, 3), axis=1), format)
    assert "axis" not in draw_graph(ops.sum(array(2, 3)), format)
    arrow = {"dot": "subscripts=ij->ji", "mermaid": "subscripts=ij#45;#62;ji", "svg": "subscripts=ij-&gt;ji"}[format]
    assert arrow in draw_graph(ops.einsum("ij->ji", array(2, 3)), format)


def test_description_needs_a_graph():
    with pytest.raises(UsageError, match="no output requires grad"):
        describe(Tensor(1.0))
    assert [n.kind for n in describe(leaf(1.0)).nodes] == ["leaf"]


def test_names_of_outputs():
    x = leaf(1.0)
    named = ops.sin(x)
    named.name = "wave"
    assert [y.name for y in describe([named, ops.cos(x)]).outputs] == ["wave", "out1"]
    assert [y.name for y in describe([named], names=["s"]).outputs] == ["s"]


# Scenario 13: the pictures.


def test_dot_tells_the_kinds_apart(z):
    out, params = z
    text = draw_graph(out, "dot", params)
    nodes = re.findall(r'^  \w+ \[label="([^"]*)", shape=(\w+)(.*)$', text, re.M)
    found = {label: shape + (" double" if "peripheries=2" in rest else "") for label, shape, rest in nodes}
    assert found == {
        "w\\nparameter": "ellipse double",
        "x\\nleaf": "ellipse",
        "mul": "box",
        "saves x1 = w 8 B\\nsaves x2 = x 8 B": "note",
        "b\\nparameter": "ellipse double",
        "add": "box",
        "Square\\ncustom rule": "hexagon",
        "saves tensor 0 8 B": "note",
        "z\\noutput": "invhouse",
    }
    assert text.count(" -> n") == 5
    assert 'label="()"' in text


def test_mermaid_tells_the_kinds_apart(z):
    out, params = z
    text = draw_graph(out, "mermaid", params)
    for line in (
        'n0[("w<br/>parameter")]:::parameter',
        'n1(["x<br/>leaf"]):::leaf',
        'n2("mul"):::op',
        's2>"saves x1 = w 8 B<br/>saves x2 = x 8 B"]:::saved',
        'n5{{"Square<br/>custom rule"}}:::custom',
        'y0[/"z<br/>output"\\]:::output',
        'n0 -->|"()"| n2',
    ):
        assert f"  {line}\n" in text
    assert text.startswith("flowchart TD\n")


def drawn(text):
    """The parsed document, and the texts of each group by its class."""
    root = ElementTree.fromstring(text)
    groups = [(g.get("class"), [t.text for t in g.iter(f"{SVG}text")]) for g in root.iter(f"{SVG}g") if g.get("class")]
    return root, groups


def test_svg_tells_the_kinds_apart(z):
    out, params = z
    root, groups = drawn(draw_graph(out, "svg", params, title="z"))
    assert [(kind, texts) for kind, texts in groups if texts] == [
        ("parameter", ["w", "parameter"]),
        ("leaf", ["x", "leaf"]),
        ("op", ["saves x1 = w 8 B", "saves x2 = x 8 B", "mul"]),
        ("parameter", ["b", "parameter"]),
        ("op", ["add"]),
        ("custom", ["saves tensor 0 8 B", "Square", "custom rule"]),
        ("output", ["z", "output"]),
    ]
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert texts[-7:-1] == ["leaf", "parameter", "operation", "custom rule", "output", "saved for backward"]  # the legend
    assert texts.count("()") == 6
    assert sum(kind == "wire" for kind, _ in groups) == 6 + 1
    shapes = {
        g.get("class"): [(e.tag, e.get("rx")) for e in g if e.get("class") in ("shape", "inner")] for g in root.iter(f"{SVG}g")
    }
    assert len({tuple(shapes[kind]) for kind in ("leaf", "parameter", "op", "custom", "output")}) >= 4


def test_svg_is_a_standalone_accessible_document(z):
    text = draw_graph(z[0], "svg", z[1], title="z")
    root, _ = drawn(text)
    assert root.tag == f"{SVG}svg"
    assert (root.get("role"), root.get("aria-label")) == ("img", "z")
    assert [e.tag.removeprefix(SVG) for e in root][:3] == ["title", "desc", "style"]
    assert root[1].text == ("6 nodes (1 leaf, 2 parameters, 2 operations, 1 custom rule) and 5 edges; outputs: z.")
    assert "prefers-color-scheme:dark" in root[2].text
    assert not re.search(r"(href|url\(|@import|<script|<foreignObject)", text)
    assert all(rule.startswith((".gradcheck-graph ", "@media")) for rule in re.findall(r"(?:^|})([^{}]+){", root[2].text))


def test_saved_values_can_be_left_out(z):
    for name in ("dot", "mermaid", "svg"):
        assert "saves x1" in draw_graph(z[0], name)
        assert "saves" not in draw_graph(z[0], name, show_saved=False)


def test_pictures_are_always_the_same(z):
    for name in ("dot", "mermaid", "svg"):
        assert draw_graph(z[0], name, z[1]) == draw_graph(z[0], name, z[1])


def test_unknown_format(z):
    with pytest.raises(UsageError, match=r"one of dot, mermaid, svg; found 'svgz'; did you mean 'svg'\?"):
        draw_graph(z[0], "svgz")
    with pytest.raises(UsageError, match="one of dot"):
        draw_graph(z[0], "table")


def test_dtypes_and_several_outputs_of_a_node():
    a, b = ops.split(Tensor(np.ones(4), requires_grad=True, dtype="float32"), 2)
    text = draw_graph([a, b], "dot")
    assert text.count('label="(2,) float32"') == 2
    assert 'label="(4,) float32"' in text
    _, groups = drawn(draw_graph([a, b], "svg"))
    assert [texts for kind, texts in groups if kind == "output"][:2] == [["out0", "output"], ["out1", "output"]]


def test_public():
    assert {"draw_graph", "graph_stats"} <= set(gradcheck_cli.__all__)


# Names from outside.

HOSTILE = [
    '"];evil[label="',
    "<b>&amp;</b>",
    '"/><script>alert(1)</script>',
    "]]> <!-- --> x",
    "a\nb\r\tc",
    "\\N \\G \\l\\",
    "\u202eabc\u0007\x1b[31m\ud800\x00",
    "`code` #quot; #35; %% |",
    "end",
    "中文字母" * 20,
    "x" * 5000,
    "{}{{}} () [] ; click n0 href",
    "é&eacute;'",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name):
    x = leaf(1.0, name)
    y = x * leaf(2.0)
    y.name = name
    text = draw_graph(y, "svg", {name: x}, title=name)
    root, groups = drawn(text)
    assert text.isascii()
    assert {e.tag.removeprefix(SVG) for e in root.iter()} == {"svg", "title", "desc", "style", "rect", "text", "g", "path"}
    assert ("parameter", [shown(name), "parameter"]) in groups
    assert len(shown(name)) <= 36 < len(shown("x" * 50)) + 1
    assert shown(name).isprintable()

    dot = draw_graph(y, "dot", {name: x}, title=name)
    assert dot.isascii()
    for line in dot.splitlines()[1:-1]:
        outside = re.sub(r'"(?:[^"\\]|\\["\\n])*"', "", line)
        assert re.fullmatch(r"  (graph|node|edge|\w+|\w+ -> \w+) \[[\w=, .]*\]", outside), line
    (label,) = re.findall(r'n0 \[label="((?:[^"\\]|\\.)*)"', dot)
    read = html.unescape(re.sub(r"\\(.)", lambda m: "\0" if m[1] == "n" else m[1], label))
    assert read.split("\0") == [shown(name), "parameter"]

    text = draw_graph(y, "mermaid", {name: x}, title=name)
    assert text.isascii()
    assert all(line.count('"') in (0, 2) for line in text.splitlines())
    (label,) = re.findall(r'n0\[\("(.*)"\)\]:::parameter', text)
    assert re.sub(r"#(\d+);", lambda m: chr(int(m[1])), label) == f"{shown(name)}<br/>parameter"
    assert re.fullmatch(r"[\w .,()=#;]*", label.replace("<br/>", ""))


@pytest.mark.parametrize(("name", "shown_as"), [("$$x$$", "$ $ x$ $ "), ("a$$$$b", "a$ $ $ $ b"), ("\ufb02°°60¶ß", "fl°°60¶ß")])
def test_what_mermaid_reads_even_in_codes_is_written_otherwise(name, shown_as):
    """It reads mathematics after it has read the codes, and codes from what it puts in their place."""
    (label,) = re.findall(r'n0\(\["(.*)<br/>leaf"\]\)', draw_graph(-leaf(1.0, name), "mermaid"))
    assert re.sub(r"#(\d+);", lambda m: chr(int(m[1])), label) == shown_as


def test_graphviz_gets_no_code_beyond_its_16_bits():
    assert 'label="U+1F600 &#20013;\\nleaf"' in draw_graph(-leaf(1.0, "\U0001f600 中"), "dot")


# The layout.


def random_net(seed, boxes=60):
    rng = np.random.default_rng(seed)
    wires = [Wire(int(rng.integers(max(0, t - 12), t)), int(rng.integers(2)), t) for t in range(4, boxes) for _ in range(2)]
    sizes = [Box(float(w), float(h), float(w) / 2 + 5, (-8.0, 8.0)) for w, h in rng.uniform(40, 120, (boxes, 2))]
    return sizes, wires


@pytest.mark.parametrize("seed", range(5))
def test_boxes_do_not_overlap_and_wires_run_down_through_none(seed):
    sizes, wires = random_net(seed)
    plan = layout(sizes, wires)
    boxes = [(x - b.width / 2, y, x + b.width / 2, y + b.height) for b, (x, y) in zip(sizes, plan.corners, strict=True)]
    for (l1, t1, r1, b1), (l2, t2, r2, b2) in combinations(boxes, 2):
        assert r1 < l2 or r2 < l1 or b1 < t2 or b2 < t1
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= plan.width
        assert 0 <= top < bottom <= plan.height
    for wire, path in zip(wires, plan.paths, strict=True):
        for (_, _, lower), (_, upper, _) in pairwise(path.pieces):
            assert lower <= upper
        for x, upper, lower in path.pieces:
            for k, (left, top, right, bottom) in enumerate(boxes):
                inside = left < x < right and max(upper, top) < min(lower, bottom)
                assert not inside or k in (wire.source, wire.target)
        x, _, y = path.pieces[-1]
        left, top, right, _ = boxes[wire.target]
        assert left <= x <= right
        assert y == top


@pytest.mark.parametrize("seed", range(3))
def test_curves_cross_no_box(seed):
    """Between two vertical pieces a wire is curved, and there no box stands at all."""
    sizes, wires = random_net(seed)
    plan = layout(sizes, wires)
    for path in plan.paths:
        for (_, _, lower), (_, upper, _) in pairwise(path.pieces):
            assert not [y for b, (_, y) in zip(sizes, plan.corners, strict=True) if y < upper and y + b.height > lower]


def test_long_lines_are_straight():
    wires = [Wire(0, 0, 1), *(Wire(k, 0, k + 1) for k in range(1, 9)), Wire(0, 0, 9)]
    plan = layout([Box(60.0, 30.0, 30.0)] * 10, wires)
    xs = [x for x, _, _ in plan.paths[-1].pieces[1:-1]]
    assert len(xs) == 8
    assert max(xs) - min(xs) < 1e-9


def test_a_tree_is_drawn_without_crossings():
    order = [0, 4, 2, 6, 1, 5, 3, 7]  # leaves in an order that crosses
    wires = [Wire(k, 0, 8 + order[k] // 2) for k in range(8)]
    wires += [Wire(8 + k, 0, 12 + k // 2) for k in range(4)] + [Wire(12, 0, 14), Wire(13, 0, 14)]
    net = layered(15, wires)
    assert crossings(net.layers, net) > 0
    assert crossings(ordered(net), net) == 0


def test_inputs_stand_right_above_their_step():
    """A recurrence: of its inputs each stands in the layer above the box that uses it, and outputs in the one below."""
    steps = 6
    inputs, states, outputs = range(steps), range(steps, 2 * steps), range(2 * steps, 3 * steps)
    wires = [Wire(inputs[k], 0, states[k]) for k in range(steps)] + [Wire(states[k], 0, outputs[k]) for k in range(steps)]
    wires += [Wire(a, 0, b) for a, b in pairwise(states)]
    net = layered(3 * steps, wires)
    layer = {point: k for k, points in enumerate(net.layers) for point in points}
    assert len(layer) == 3 * steps  # nothing has to bend
    assert all(layer[states[k]] - layer[inputs[k]] == layer[outputs[k]] - layer[states[k]] == 1 for k in range(steps))


def length(net, xs):
    """The sum of squares of how far lines go sideways."""
    return sum((xs[p] - xs[other]) ** 2 for p, others in enumerate(net.below) for other in others)


@pytest.mark.parametrize("seed", range(5))
def test_relaxing_shortens_lines_and_keeps_distances_and_long_lines(seed):
    net = layered(40, random_net(seed, 40)[1])
    widths = [30.0 if p < 40 else 6.0 for p in range(len(net.below))]
    layers = ordered(net)
    before = placed(net, layers, widths)
    after = relaxed(net, layers, before, widths)
    assert length(net, after) < length(net, before)
    for layer in layers:
        for a, b in pairwise(layer):
            assert after[b] - after[a] >= (widths[a] + widths[b]) / 2 + 22 - 1e-9
    for p, others in enumerate(net.below):
        for other in others:
            straight = p >= 40 and other >= 40 and abs(before[p] - before[other]) < 1e-9
            assert not straight or after[p] == after[other]


def test_relaxing_finds_the_middle():
    """A box above three, with nothing beside it, goes over the middle of them."""
    net = layered(4, [Wire(0, 0, k) for k in (1, 2, 3)])
    after = relaxed(net, [[0], [1, 2, 3]], {0: 0.0, 1: 0.0, 2: 60.0, 3: 120.0}, [20.0] * 4)
    assert after[0] == pytest.approx(after[2], abs=1e-3)


def test_crossings_against_all_pairs():
    for seed in range(5):
        net = layered(40, random_net(seed, 40)[1])
        expected = 0
        for upper, lower in pairwise(net.layers):
            lines = [(upper.index(u) + net.lean.get((u, v), 0.0), lower.index(v)) for u in upper for v in net.below[u]]
            expected += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(lines, 2))
        assert crossings(net.layers, net) == expected
        assert crossings(ordered(net), net) < expected


def test_neighbours_keep_their_distance():
    net = layered(40, random_net(1, 40)[1])
    widths = [30.0 if p < 40 else 6.0 for p in range(len(net.below))]
    layers = ordered(net)
    xs = placed(net, layers, widths)
    for layer in layers:
        for a, b in pairwise(layer):
            assert xs[b] - xs[a] >= (widths[a] + widths[b]) / 2 + 22 - 1e-9


def test_text_fits_its_box(z):
    """In the widest of the usual monospaced fonts, 0.62 em a character."""
    root, _ = drawn(draw_graph(z[0], "svg", {"a_rather_long_name_of_a_parameter": z[1]["w"]}))
    for group in root.iter(f"{SVG}g"):
        shapes = [e for e in group if e.tag == f"{SVG}rect" and e.get("class") == "shape"]
        names = [e for e in group if e.get("class") == "name"]
        for shape, name in zip(shapes, names, strict=False):
            assert len(name.text) * 0.62 * 13 <= float(shape.get("width"))
    assert svg.measure("中", 10.0) > svg.measure("m", 10.0) > 6.2


# Sizes.


@pytest.mark.slow
def test_a_large_graph_is_refused_at_once():
    y = chain(10_000)
    with pytest.raises(UsageError, match=r"at most 1,500 nodes, this graph has 10,001; use format dot"):
        draw_graph(y, "svg")
    with pytest.raises(UsageError, match=r"Mermaid draws at most 500 edges"):
        draw_graph(y, "mermaid")
    assert draw_graph(y, "dot").count(" -> n") == 20_000


def test_a_tangled_graph_is_refused():
    values = [leaf(1.0)]
    for _ in range(150):
        values.append(ops.sin(values[-1]))
    total = values[-1]
    for y in reversed(values[:-1]):  # the first values are needed last
        total = total + y
    with pytest.raises(UsageError, match="12,000 boxes and bends"):
        draw_graph(total, "svg")


def test_mermaid_limit_counts_every_line():
    with pytest.raises(UsageError, match="needs 503;"):
        draw_graph(chain(251), "mermaid", show_saved=False)
    assert draw_graph(chain(249), "mermaid", show_saved=False)


def test_numbers_are_short():
    assert [size(n) for n in (0, 96, 9999, 12_345, 7_000_000)] == ["0 B", "96 B", "9999 B", "12.3 kB", "7.0 MB"]
    assert [scaled(n) for n in (5, 12_345, 999_990, 2_500_000_000)] == ["5", "12.3 k", "1.0 M", "2.5 G"]


# The command.


@pytest.fixture
def gradcheck(monkeypatch, capsys):
    """The command line in this process: from arguments to exit code, stdout and stderr."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["gradcheck", *map(str, arguments)])
        code = cli.command_line()
        return code, *capsys.readouterr()

    return call


def test_table(gradcheck):
    code, out, err = gradcheck("graph", TUTORIAL, "-k", "quadratic[matrices]")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert ["quadratic[matrices]", "5", "4", "2", "4", "4", "1", "1", "144", "?", "?"] in rows
    assert ["x", "(2,3)", "48", "B", "quadratic"] in rows
    assert "?: flops of 1 node unknown" in out
    assert "--expand shows the ops of its forward" in out


def test_scalars_that_a_rule_of_a_spec_reads_are_kept(gradcheck):
    """The forward of squared_affine saves w, x and y: so does its rule, which reads the same."""
    out = gradcheck("graph", TUTORIAL, "-k", "squared_affine[default]")[1]
    assert "squared_affine.y" in out
    assert re.search(r"^squared_affine +4 +3 +2 +3 +3 +1 +1 +24 ", out, re.M)


def test_table_of_the_forward(gradcheck):
    _, out, _ = gradcheck("graph", TUTORIAL, "-k", "quadratic[matrices]", "--expand")
    rows = [line.split() for line in out.splitlines()]
    assert ["quadratic[matrices]", "9", "9", "5", "3", "4", "0", "2", "192", "30", "54"] in rows
    assert "ops: mul 2, add 2, power 1" in out
    assert "unknown" not in out


def test_partly_unknown_flops_are_marked(gradcheck, tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text("functions:\n  f:\n    inputs: {a: {shape: [3, 3], spd: 4.0}}\n    forward: inv(a) @ a\n")
    _, out, _ = gradcheck("graph", spec)
    assert "54 + ?" in out
    assert "108 + ?" in out


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_table_fits_the_terminal(gradcheck, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = gradcheck("graph", TUTORIAL, "-k", "quadratic")
    assert max(map(len, out.splitlines())) <= columns
    assert "largest saved values" in out
    assert "\x1b" not in out


def test_pictures_go_to_stdout_or_by_the_files_name(gradcheck, tmp_path):
    code, out, _ = gradcheck("graph", TUTORIAL, "-k", "squared_affine", "--format", "svg", "--expand")
    assert code == 0
    _, groups = drawn(out)
    assert ("leaf", ["w", "leaf"]) in groups
    assert ("op", ["saves x1 8 B", "power"]) in groups
    for name, start in (("g.svg", "<svg"), ("g.gv", "digraph"), ("g.mmd", "flowchart"), ("g.txt", " ")):
        path = tmp_path / name
        assert gradcheck("graph", TUTORIAL, "-k", "squared_affine", "-o", path) == (0, "", "")
        assert path.read_text().startswith(start)


def test_custom_node_of_a_spec_and_its_outputs(gradcheck):
    _, out, _ = gradcheck("graph", SPECS / "recurrent.yaml", "-k", "lstm", "--format", "svg")
    _, groups = drawn(out)
    assert [texts[-2:] for kind, texts in groups if kind == "custom" and texts] == [["lstm_cell", "custom rule"]]
    assert [texts for kind, texts in groups if kind == "output" and texts] == [["h", "output"], ["c", "output"]]
    _, out, _ = gradcheck("graph", SPECS / "recurrent.yaml", "-k", "lstm", "--format", "dot", "--no-saved")
    assert "saves" not in out


def test_one_picture_shows_one_function(gradcheck):
    code, out, err = gradcheck("graph", TUTORIAL, "--format", "svg")
    assert (code, out) == (2, "")
    assert "format svg draws one function, but 5 are selected: quadratic, custom_relu" in err
    assert "choose one, as with -k 'quadratic[default]'" in err


def test_exit_codes(gradcheck, tmp_path):
    for arguments in ([], ["--format", "dot"]):
        code, out, err = gradcheck("graph", TUTORIAL, "-k", "nothing_like_it", *arguments)
        assert (code, out) == (5, "")
        assert "nothing was selected" in err
        code, _, err = gradcheck("graph", tmp_path / "missing.yaml", *arguments)
        assert code == 2
        assert "there is no file" in err
    bad = tmp_path / "bad.yaml"
    bad.write_text("functions:\n  f:\n    inputs: {x: 1.0}\n    forward: sinn(x)\n")
    code, out, err = gradcheck("graph", bad, TUTORIAL, "-k", "f or quadratic")
    assert code == 2
    assert "sinn" in err
    assert "quadratic[vectors]" in out
    assert gradcheck("graph", bad, "--format", "svg")[0] == 2
    assert gradcheck("graph", TUTORIAL, "--format", "png")[0] == 2


def test_forward_that_cannot_be_evaluated(gradcheck, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("functions:\n  f:\n    inputs: {x: [1.0, 2.0], y: [1.0, 2.0, 3.0]}\n    forward: x + y\n")
    for arguments in ([], ["--format", "svg"]):
        code, _, err = gradcheck("graph", bad, *arguments)
        assert code == 2
        assert re.search(r"^error: \S+bad\.yaml:\d+:\d+: ", err)


def test_all_specs_have_statistics(gradcheck):
    code, out, err = gradcheck("graph", SPECS, "--expand")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) > 200


# The document.

DOCUMENT = ROOT / "docs" / "graph.md"


def test_document_shows_what_happens(tmp_path):
    names = {}
    for block in blocks(DOCUMENT):
        if block.language == "yaml":
            (tmp_path / "layer.yaml").write_text(block.text)
        elif block.language == "console":
            check_console(DOCUMENT, block, tmp_path)
        elif block.language == "python":
            check_session(block, names)


def test_document_has_the_limits():
    text = DOCUMENT.read_text()
    assert f"at most {svg.MOST_NODES:,} nodes" in text
    assert f"at most {mermaid.MOST_EDGES} edges and {mermaid.MOST_TEXT:,} characters" in text
