"""Draws one layer of a trace of `amk-run --trace FILE.json` as an SVG: a row per
worker, time to the right, a colour per task; waits are pale, publishing dark.

    trace_picture.py TRACE.json OUT.svg [LAYER]     LAYER: 1 if not given"""
import collections
import json
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, TOP, BOTTOM = 1000, 60, 62, 40
COLOURS = ["#3b6fb6", "#d9822b", "#3a9d5d", "#a84fa0", "#c0443f", "#6b7280",
           "#8a6d3b", "#2a9d9d"]


def step_of(span):
    """A round distance of the marks on an axis, about ten of them."""
    step = 1.0
    for factor in (2, 2.5, 2) * 8:
        if span / step <= 12:
            return step
        step *= factor
    return step


def layer_of(trace, layer):
    """The spans of a layer's tasks, and the tasks in order."""
    prefix = f"L{layer}_"
    spans = [e for e in trace["traceEvents"]
             if e["ph"] == "X" and e["pid"] == 0 and
             e["args"]["task"].startswith(prefix)]
    if not spans:
        sys.exit(f"no task of layer {layer} in the trace")
    begins = collections.defaultdict(list)
    for e in spans:
        if e["cat"] == "work":
            begins[e["args"]["task"]].append(e["ts"])
    tasks = sorted(begins, key=lambda t: sorted(begins[t])[len(begins[t]) // 2])
    return spans, tasks


def main():
    trace = json.load(open(sys.argv[1]))
    layer = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    spans, tasks = layer_of(trace, layer)
    workers = 1 + max(e["tid"] for e in trace["traceEvents"] if e["pid"] == 0)
    # A worker that has nothing to do in a task waits long for the next one: the
    # layer begins when the first of its tiles works.
    first = min(e["ts"] for e in spans if e["cat"] == "work")
    last = max(e["ts"] + e["dur"] for e in spans)
    scale = (WIDTH - LEFT - 10) / (last - first)
    row = max(3.0, min(14.0, 540 / workers))
    height = TOP + row * workers + BOTTOM

    # One path for everything of one look, so that the file stays small.
    paths = collections.defaultdict(list)
    for e in spans:
        begin = max(e["ts"], first)
        width = (e["ts"] + e["dur"] - begin) * scale
        if width < 0.05:
            continue
        x, y = LEFT + (begin - first) * scale, TOP + e["tid"] * row
        paths[e["args"]["task"], e["cat"]].append(
            f"M{x:.1f} {y:.1f}h{width:.1f}v{row * 0.85:.1f}h{-width:.1f}z")

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{height:.0f}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>']
    other = trace.get("otherData", {})
    out.append(f'<text x="{LEFT}" y="20" font-size="14">Layer {layer} on {workers}'
               f' workers, {escape(str(other.get("device", "")))}, position '
               f'{other.get("position", "")}: {last - first:.1f} us</text>')
    x = LEFT
    for i, task in enumerate(tasks):
        name = task.split("_", 1)[1]
        colour = COLOURS[i % len(COLOURS)]
        out.append(f'<rect x="{x}" y="32" width="12" height="12" fill="{colour}"/>'
                   f'<text x="{x + 17}" y="42">{escape(name)}</text>')
        x += 34 + 7 * len(name)
        for span, opacity in (("wait", 0.22), ("work", 1), ("publish", 1)):
            fill = "#1f2430" if span == "publish" else colour
            if paths[task, span]:
                out.append(f'<path fill="{fill}" fill-opacity="{opacity}" d="'
                           + "".join(paths[task, span]) + '"/>')
    out.append(f'<text x="{x}" y="42" fill="#555">pale: waiting for inputs; '
               'dark: publishing</text>')
    for w in range(0, workers, max(1, (workers + 7) // 8)):
        out.append(f'<text x="{LEFT - 8}" y="{TOP + w * row + 8:.1f}" '
                   f'text-anchor="end" fill="#555">{w}</text>')
    axis = TOP + workers * row + 6
    step, at = step_of(last - first), 0.0
    while at <= last - first:
        x = LEFT + at * scale
        out.append(f'<path d="M{x:.1f} {axis:.1f}v5" stroke="#555"/>'
                   f'<text x="{x:.1f}" y="{axis + 18:.1f}" text-anchor="middle" '
                   f'fill="#555">{at:g}</text>')
        at += step
    out.append(f'<text x="{WIDTH - 10}" y="{axis + 32:.1f}" text-anchor="end" '
               'fill="#555">us</text></svg>')
    open(sys.argv[2], "w").write("\n".join(out) + "\n")


main()
