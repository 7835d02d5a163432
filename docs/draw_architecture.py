"""Draws docs/architecture.svg from the imports of the code: `make picture`.

A box is a package (or a module that stands directly in its room); its floor is one above the
highest floor that it imports. An arrow means "imports"; arrows that follow from others are left
out. With "-" it prints the picture instead.
"""

import sys
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "architecture.svg"

BOX_WIDTH, BOX_HEIGHT, GAP, FLOOR_GAP, MARGIN, HEAD = 104, 28, 12, 34, 20, 30
COLOURS = {
    "cli": "#7a5195", "dashboard": "#0061a8", "etl": "#2a7f62", "db": "#566573", "agent": "#b35900",
}  # fmt: skip
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #15202b }
.room { font-weight: 600; font-size: 14px } .note { fill: #566573 }
.box { fill: #fff; stroke-width: 1.5 } .frame { fill: #f4f6f8; stroke: #e2e7ec }
.arrow { fill: none; stroke-width: 1.2; opacity: .55 }
.wall { fill: none; stroke: #15202b; stroke-width: 2 }
"""

Graph = Mapping[str, set[str]]


def package_imports(room: str, graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """The boxes of a room, each with the boxes of the same room that it imports."""
    boxes: dict[str, set[str]] = {}
    for module in graph.modules:
        if module.startswith(f"{room}."):
            boxes.setdefault(box_of(module), set())
    for module in graph.modules:
        if not module.startswith(f"{room}."):
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            if imported.startswith(f"{room}.") and box_of(imported) != box_of(module):
                boxes[box_of(module)].add(box_of(imported))
    return boxes


def box_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def floors(graph: Graph) -> list[list[str]]:
    """The boxes by floor, the lowest floor first.

    Raises:
        ValueError: some of them import each other in a circle.
    """
    heights: dict[str, int] = {}
    while len(heights) < len(graph):
        ready = [box for box in graph if box not in heights and graph[box] <= heights.keys()]
        if not ready:
            circle = ", ".join(sorted(graph.keys() - heights.keys()))
            raise ValueError(f"these import each other in a circle: {circle}")
        for box in ready:
            heights[box] = 1 + max((heights[below] for below in graph[box]), default=-1)
    rows: list[list[str]] = [[] for _ in range(max(heights.values()) + 1)]
    for box in sorted(heights):
        rows[heights[box]].append(box)
    return rows


def direct_arrows(graph: Graph) -> Iterable[tuple[str, str]]:
    """The imports that do not follow from others."""

    def reachable(box: str) -> set[str]:
        return (
            graph[box].union(*(reachable(below) for below in graph[box])) if graph[box] else set()
        )

    for box in sorted(graph):
        implied = set().union(*(reachable(below) for below in graph[box])) if graph[box] else set()
        yield from ((box, below) for below in sorted(graph[box] - implied))


def room_size(rows: list[list[str]], across: int) -> tuple[int, int]:
    lines = sum(-(-len(row) // across) for row in rows)
    widest = min(across, max(len(row) for row in rows))
    width = 2 * MARGIN + widest * (BOX_WIDTH + GAP) - GAP
    return width, HEAD + MARGIN + lines * (BOX_HEIGHT + FLOOR_GAP) - FLOOR_GAP + MARGIN


def draw_room(room: str, graph: Graph, left: int, top: int, width: int, across: int) -> list[str]:
    """A framed room: its boxes floor by floor, the highest on top, and the arrows between them."""
    rows, colour = floors(graph), COLOURS[room]
    _, height = room_size(rows, across)
    places: dict[str, tuple[int, int]] = {}
    y = top + HEAD + MARGIN // 2
    for row in reversed(rows):
        for start in range(0, len(row), across):
            line = row[start : start + across]
            x = left + (width - len(line) * (BOX_WIDTH + GAP) + GAP) // 2
            for box in line:
                places[box] = (x, y)
                x += BOX_WIDTH + GAP
            y += BOX_HEIGHT + FLOOR_GAP
    parts = [
        f'<rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}" rx="12"/>',
        f'<text class="room" x="{left + 14}" y="{top + 22}" style="fill:{colour}">{room}/</text>',
    ]
    for box, below in direct_arrows(graph):
        x1, y1 = places[box][0] + BOX_WIDTH // 2, places[box][1] + BOX_HEIGHT
        x2, y2 = places[below][0] + BOX_WIDTH // 2, places[below][1]
        bend = (y2 - y1) // 2
        parts.append(
            f'<path class="arrow" stroke="{colour}" marker-end="url(#tip-{room})" '
            f'd="M{x1} {y1} C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2 - 2}"/>'
        )
    for box, (x, y) in places.items():
        name = box.split(".")[1] + ("/" if (ROOT / box.replace(".", "/")).is_dir() else "")
        size = f'x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"'
        middle = f'x="{x + BOX_WIDTH // 2}" y="{y + 18}" text-anchor="middle"'
        parts.append(
            f'<rect class="box" stroke="{colour}" {size}/><text {middle}>{escape(name)}</text>'
        )
    return parts


def draw() -> str:
    """The whole picture as SVG text, the same for the same imports."""
    graph = grimp.build_graph("db", "etl", "dashboard", "cli", "agent", cache_dir=None)
    rooms = {room: package_imports(room, graph) for room in COLOURS}
    across = {"cli": 9, "dashboard": 5, "etl": 4, "db": 9, "agent": 9}
    sizes = {room: room_size(floors(rooms[room]), across[room]) for room in rooms}
    middle = sizes["dashboard"][0] + 24 + sizes["etl"][0]
    total = max(middle, *(sizes[room][0] for room in ("cli", "db", "agent")))
    wide = total - sizes["etl"][0] - 24
    parts, y = [], 16

    def full(room: str) -> None:
        nonlocal y
        parts.extend(draw_room(room, rooms[room], 16, y, total, across[room]))
        y += sizes[room][1] + 44

    full("cli")
    second = y
    parts.extend(draw_room("dashboard", rooms["dashboard"], 16, y, wide, across["dashboard"]))
    left = 16 + wide + 24
    parts.extend(draw_room("etl", rooms["etl"], left, y, sizes["etl"][0], across["etl"]))
    y += max(sizes["dashboard"][1], sizes["etl"][1]) + 44
    third = y
    full("db")
    for x in (16 + wide // 2, left + sizes["etl"][0] // 2):
        room = "dashboard" if x < left else "etl"
        bottom = second + sizes[room][1]
        parts.append(
            f'<path class="wall" marker-end="url(#tip)" d="M{x} {second - 42} V{second - 4}"/>'
        )
        parts.append(
            f'<path class="wall" marker-end="url(#tip)" d="M{x} {bottom + 2} V{third - 4}"/>'
        )
    parts.append(
        f'<text class="note" x="16" y="{y - 22}">agent imports no other room, and none imports it; '
        "it meets the server in a contract test.</text>"
    )
    full("agent")
    tips = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        for name, colour in [("tip", "#15202b"), *((f"tip-{r}", c) for r, c in COLOURS.items())]
    )
    size = f'width="{total + 32}" height="{y - 28}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {total + 32} {y - 28}">\n'
        f"<style>{STYLE}</style>\n<defs>{tips}</defs>\n"
        f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if sys.argv[1:] == ["-"]:
        print(draw(), end="")
    else:
        PICTURE.write_text(draw(), encoding="utf-8")
