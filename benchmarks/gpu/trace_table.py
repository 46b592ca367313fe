"""Where the time of a step goes: reads a trace of `amk-run --benchmark N
--trace FILE.json` and prints, per kind of task, the mean over its tiles of when
it begins (from the end of the layer's first task's start), how long it waits,
works and publishes, and the share of the step in which a worker waits.

    trace_table.py TRACE.json"""
import collections
import json
import re
import sys


def main():
    events = json.load(open(sys.argv[1]))["traceEvents"]
    events = [e for e in events if e["ph"] == "X"]
    workers = {e["tid"] for e in events}
    end = max(e["ts"] + e["dur"] for e in events)
    begin = min(e["ts"] for e in events)
    spans = collections.defaultdict(lambda: collections.defaultdict(float))
    tiles = collections.defaultdict(set)
    layers = collections.defaultdict(set)
    waited = 0.0
    for e in events:
        task, span = e["name"].rsplit(" ", 1)
        layer = re.match(r"L(\d+)_(.*)", task)
        kind = layer.group(2) if layer else task
        layers[kind].add(task)
        spans[kind][span] += e["dur"]
        tiles[kind].add((task, e["tid"], e["args"]["tile"]))
        if span == "wait":
            waited += e["dur"]
    print(f"step {end - begin:.1f} us on {len(workers)} workers; a worker waits "
          f"{waited / len(workers):.1f} us of it")
    print(f"{'task':<16}{'times':>6}{'tiles':>7}{'wait':>9}{'work':>9}"
          f"{'publish':>9}   us a tile, mean")
    for kind in spans:
        n = len(tiles[kind])
        row = [spans[kind][s] / n for s in ("wait", "work", "publish")]
        print(f"{kind:<16}{len(layers[kind]):>6}{n:>7}" +
              "".join(f"{v:>9.2f}" for v in row))


main()
