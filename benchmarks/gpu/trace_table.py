"""Where the time of a step goes: reads a trace of `amk-run --benchmark N
--trace FILE.json` and prints, per kind of task, the mean over its tiles of how
long one waits (at its beginning and in the midst of its work), works and
publishes, and of how long its stages are on their way and then lie in their
slot; and how much of the step a worker waits. Fails if a time runs backwards, or
if spans of one thread overlap.

    trace_table.py TRACE.json"""
import collections
import json
import re
import sys


def kind_of(task):
    layer = re.match(r"L\d+_(.*)", task)
    return layer.group(1) if layer else task


def check(events):
    """Spans of a thread follow each other; three digits are written."""
    threads = collections.defaultdict(list)
    for e in events:
        threads[e["pid"], e["tid"]].append((e["ts"], e["dur"], e["name"]))
    for thread, spans in threads.items():
        spans.sort()
        end = 0.0
        for begin, duration, name in spans:
            if duration < 0 or begin < end - 0.0021:
                sys.exit(f"thread {thread}: '{name}' begins at {begin} and takes "
                         f"{duration}, expected not before {end}")
            end = begin + duration


def main():
    events = json.load(open(sys.argv[1]))["traceEvents"]
    events = [e for e in events if e["ph"] == "X"]
    check(events)
    workers = {e["tid"] for e in events if e["pid"] == 0}
    end = max(e["ts"] + e["dur"] for e in events)
    begin = min(e["ts"] for e in events)
    spans = collections.defaultdict(lambda: collections.defaultdict(float))
    tiles = collections.defaultdict(set)
    stages = collections.defaultdict(int)
    layers = collections.defaultdict(set)
    waited = 0.0
    for e in events:
        task, args = e["args"]["task"], e["args"]
        kind = kind_of(task)
        layers[kind].add(task)
        spans[kind][e["cat"]] += e["dur"]
        if e["pid"] == 0:
            tiles[kind].add((task, e["tid"], args["tile"]))
        elif e["cat"] == "use":
            stages[kind] += args.get("stages", 1)
        if e["cat"] == "wait":
            waited += e["dur"]
    print(f"step {end - begin:.1f} us on {len(workers)} workers; a worker waits "
          f"{waited / len(workers):.1f} us of it")
    print(f"{'task':<18}{'times':>6}{'tiles':>7}{'wait':>9}{'work':>9}"
          f"{'publish':>9}{'stages':>8}{'fetch':>9}{'use':>9}"
          "   us, mean of a tile or stage")
    for kind in spans:
        n, m = len(tiles[kind]), max(stages[kind], 1)
        row = [spans[kind][s] / n for s in ("wait", "work", "publish")]
        of_stage = [spans[kind][s] / m for s in ("fetch", "use")]
        print(f"{kind:<18}{len(layers[kind]):>6}{n:>7}" +
              "".join(f"{v:>9.2f}" for v in row) + f"{stages[kind]:>8}" +
              "".join(f"{v:>9.2f}" for v in of_stage))


main()
