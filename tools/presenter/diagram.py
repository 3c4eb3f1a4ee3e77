"""A flow chart in Mermaid's words, drawn as SVG.

JupyterLab draws these in the browser, with a library that is not there without it. The
notebooks use a small part of that language, and this draws that part.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from html import escape

#: In the units of the drawing, which are pixels on a slide.
_CHAR, _LINE, _PAD, _GAP_X, _GAP_Y = 9.7, 21, 9, 27, 20
_WRAP = 11

_NODE = re.compile(
    r"\s*(?P<id>\w+)\s*(?:\(\[(?P<topic>[^\]]+)\]\)|\[\((?P<table>[^)]+)\)\]|\[(?P<box>[^\]]+)\])?\s*"
)


class UnknownDiagramError(ValueError):
    """A diagram that says more than a flow chart from left to right."""


@dataclass
class _Node:
    shape: str
    lines: list[str]
    classes: list[str] = field(default_factory=list)
    layer: int = 0
    y: float = 0.0

    @property
    def width(self) -> float:
        return max(len(line) for line in self.lines) * _CHAR + 2 * _PAD

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 2 * _PAD + (10 if self.shape == "table" else 0)


@dataclass
class _Chart:
    nodes: dict[str, _Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    styles: dict[str, dict[str, str]] = field(default_factory=dict)


def draw(source: str, name: str) -> tuple[str, float]:
    """Draw a flow chart.

    Parameters
    ----------
    source
        The lines in Mermaid's language.
    name
        Of the drawing, unlike any other on the page: its arrow heads are called by it.

    Returns
    -------
    str
        The SVG.
    float
        Its height over its width.

    Raises
    ------
    UnknownDiagramError
        If it is no flow chart from left to right, or has what this does not draw.
    """
    chart = read(source)
    layers = in_layers(chart)
    columns = [max(node.width for node in layer) for layer in layers]
    lefts = [0.0, *itertools.accumulate(column + _GAP_X for column in columns)]
    place(chart, layers)
    top = min(node.y - node.height / 2 for node in chart.nodes.values()) - 4
    bottom = max(node.y + node.height / 2 for node in chart.nodes.values()) + 4
    width, height = lefts[-1] - _GAP_X + 8, bottom - top
    centre = {key: lefts[node.layer] + columns[node.layer] / 2 for key, node in chart.nodes.items()}
    parts = [
        f'<svg class="diagram" role="img" aria-label="{escape(_said(chart), quote=True)}"'
        f' viewBox="-4 {top:.0f} {width:.0f} {height:.0f}">'
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"'
        ' orient="auto"><path d="M0 0 8 4 0 8z" fill="#333"/></marker>'
    ]
    for one, other in chart.edges:
        start, end = chart.nodes[one], chart.nodes[other]
        x1, x2 = centre[one] + start.width / 2, centre[other] - end.width / 2 - 2
        bend = (x2 - x1) / 2
        parts.append(
            f'<path d="M{x1:.0f} {start.y:.0f}C{x1 + bend:.0f} {start.y:.0f} {x2 - bend:.0f}'
            f' {end.y:.0f} {x2:.0f} {end.y:.0f}" fill="none" stroke="#333" stroke-width="1.8"'
            f' marker-end="url(#{name})"/>'
        )
    parts += [_drawn(node, centre[key], chart.styles) for key, node in chart.nodes.items()]
    return "".join(parts) + "</svg>", height / width


def read(source: str) -> _Chart:
    lines = [line.strip() for line in source.strip().splitlines() if line.strip()]
    if not lines or not re.fullmatch(r"(graph|flowchart)\s+LR;?", lines[0]):
        raise UnknownDiagramError(lines[0] if lines else "an empty diagram")
    chart = _Chart()
    classes = []
    for line in lines[1:]:
        if line.startswith("%%"):
            continue
        if match := re.fullmatch(r"classDef\s+(\w+)\s+([^;]+);?", line):
            pairs = (pair.partition(":") for pair in match[2].split(","))
            style = {key.strip(): value.strip() for key, _, value in pairs}
            if not all(re.fullmatch(r"#?\w+", value) for value in style.values()):
                raise UnknownDiagramError(line)
            chart.styles[match[1]] = style
        elif match := re.fullmatch(r"class\s+([\w, ]+?)\s+(\w+);?", line):
            classes += [(key.strip(), match[2]) for key in match[1].split(",")]
        else:
            _read_edges(chart, line)
    for key, name in classes:
        if key not in chart.nodes:
            raise UnknownDiagramError(f"class {key} {name}")
        chart.nodes[key].classes.append(name)
    if not chart.nodes:
        raise UnknownDiagramError("a diagram without a box")
    return chart


def _read_edges(chart: _Chart, line: str) -> None:
    before = None
    for piece in line.rstrip(";").split("-->"):
        match = _NODE.fullmatch(piece)
        if match is None:
            raise UnknownDiagramError(line)
        key = match["id"]
        shape = next((one for one in ("topic", "table", "box") if match[one]), None)
        if key not in chart.nodes or shape:
            text = match[shape].strip().strip('"') if shape else key
            chart.nodes[key] = _Node(shape or "box", _wrapped(text))
        if before is not None:
            chart.edges.append((before, key))
        before = key


def _wrapped(text: str) -> list[str]:
    """Lines of some eleven characters; a long name breaks after an underscore."""
    lines = [""]
    for piece in re.findall(r"[^ _]+[ _]?|[ _]", text):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > _WRAP:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


def in_layers(chart: _Chart) -> list[list[_Node]]:
    """Columns: each node is right of those that lead to it, and close to those it leads to."""
    for _ in chart.nodes:
        for one, other in chart.edges:
            after = chart.nodes[one].layer + 1
            chart.nodes[other].layer = max(chart.nodes[other].layer, after)
    if any(chart.nodes[one].layer >= chart.nodes[other].layer for one, other in chart.edges):
        raise UnknownDiagramError("a flow chart that goes in a circle")
    led_to = {other for _, other in chart.edges}
    for key, node in chart.nodes.items():
        follow = [chart.nodes[other].layer for one, other in chart.edges if one == key]
        if key not in led_to and follow:
            node.layer = min(follow) - 1
    count = max(node.layer for node in chart.nodes.values()) + 1
    columns = [
        [node for node in chart.nodes.values() if node.layer == layer] for layer in range(count)
    ]
    return [column for column in columns if column]


def place(chart: _Chart, layers: list[list[_Node]]) -> None:
    """Each node as high as its neighbours are on average, and none over another."""
    beside: dict[int, list[_Node]] = {id(node): [] for node in chart.nodes.values()}
    for one, other in chart.edges:
        beside[id(chart.nodes[one])].append(chart.nodes[other])
        beside[id(chart.nodes[other])].append(chart.nodes[one])
    for layer in layers:
        _apart(layer)
    for sweep in range(24):
        for layer in layers if sweep % 2 else reversed(layers):
            for node in layer:
                if near := beside[id(node)]:
                    node.y = sum(other.y for other in near) / len(near)
            _apart(layer)


def _apart(layer: list[_Node]) -> None:
    """Push nodes of a column apart, around where they were; their order stays."""
    layer.sort(key=lambda node: node.y)
    wanted = sum(node.y for node in layer) / len(layer)
    for one, other in itertools.pairwise(layer):
        other.y = max(other.y, one.y + (one.height + other.height) / 2 + _GAP_Y)
    shift = wanted - sum(node.y for node in layer) / len(layer)
    for node in layer:
        node.y += shift


def _drawn(node: _Node, x: float, styles: dict[str, dict[str, str]]) -> str:
    style = {"fill": "#fff", "stroke": "#333", "color": "#000"}
    for name in node.classes:
        style.update(styles.get(name, {}))
    look = (
        f'fill="{escape(style["fill"], quote=True)}" stroke="{escape(style["stroke"], quote=True)}"'
        f' stroke-width="{3 if node.classes else 1.8}"'
    )
    w, h = node.width, node.height
    left, top = x - w / 2, node.y - h / 2
    if node.shape == "table":
        body = (
            f'<path d="M{left:.0f} {top + 8:.0f}v{h - 16:.0f}a{w / 2:.0f} 8 0 0 0 {w:.0f} 0'
            f'v{16 - h:.0f}a{w / 2:.0f} 8 0 0 0 {-w:.0f} 0a{w / 2:.0f} 8 0 0 0 {w:.0f} 0" {look}/>'
        )
    else:
        round_ = min(h / 2, 26) if node.shape == "topic" else 4
        body = (
            f'<rect x="{left:.0f}" y="{top:.0f}" width="{w:.0f}" height="{h:.0f}"'
            f' rx="{round_:.0f}" {look}/>'
        )
    first = node.y - (len(node.lines) - 1) * _LINE / 2 + 6 + (4 if node.shape == "table" else 0)
    texts = "".join(
        f'<text x="{x:.0f}" y="{first + at * _LINE:.0f}" text-anchor="middle"'
        f' fill="{escape(style["color"], quote=True)}">{escape(line)}</text>'
        for at, line in enumerate(node.lines)
    )
    return body + texts


def _said(chart: _Chart) -> str:
    """The chart in words, for those who do not see it."""
    called = {key: "".join(node.lines) for key, node in chart.nodes.items()}
    return "Diagram: " + ", ".join(
        f"{called[one]} to {called[other]}" for one, other in chart.edges
    )
