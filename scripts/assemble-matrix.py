#!/usr/bin/env python3
"""Compiles Llama shapes for every target, assembles each PTX with ptxas and
fails if one has a spill or a stack frame.

    scripts/assemble-matrix.py BUILD [--quick] [--filter REGEX] [--jobs N]

BUILD is a build directory with amk-translate and amk-opt. A case is a shape, a
target, attention split by positions or not, values in a packet (0: counters
alone), and the workers of a cluster, which share their gathers if there are more
than one, or hand over what the splits of a KV head make (inbox). The PTX for sm_80 is meant for every later GPU too, where the driver
assembles it: it is assembled for sm_90 as well. Cases that need more shared
memory than their target has (NO_ROOM) must be refused by amk-pipelining. --quick
takes a case or two of every shape, the largest shape on every target and some
clusters, as the lit suite does. Shapes have two layers: the code does not depend
on their number. ptxas is $PTXAS, or the one on the path."""
import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import typing

SCRIPTS = pathlib.Path(__file__).resolve().parent
TARGETS = {"sm_80": 108, "sm_90": 132, "sm_100": 148, "sm_120": 188}  # workers
WITH_CLUSTERS = ["sm_90", "sm_100", "sm_120"]
CLUSTERS = [2, 4, 8]
PACKETS = [6, 4, 0]
# What 99 KB are too few for: (shape, target, split).
NO_ROOM = {("3b", "sm_120", True), ("8b", "sm_120", True),
           ("70b", "sm_120", True), ("70b", "sm_120", False),
           ("group8-dim128", "sm_120", True)}


def shape(hidden, inner, heads, kv_heads, head_dim, vocab, tied):
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama",
        "hidden_act": "silu", "hidden_size": hidden,
        "intermediate_size": inner, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "head_dim": head_dim,
        "num_hidden_layers": 2, "vocab_size": vocab,
        "max_position_embeddings": 131072, "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0, "tie_word_embeddings": tied}


def shapes():
    """The sizes of models that exist, then what they do not cover: query heads
    of a KV head by head dimension, from none shared to all."""
    out = {
        "1b": shape(2048, 8192, 32, 8, 64, 128256, True),
        "3b": shape(3072, 8192, 24, 8, 128, 128256, True),
        "8b": shape(4096, 14336, 32, 8, 128, 128256, False),
        "70b": shape(8192, 28672, 64, 8, 128, 128256, False),
        "tiny": shape(256, 768, 4, 2, 64, 512, False),
    }
    for group, dim in itertools.product([1, 2, 3, 4, 8, 32], [64, 128]):
        kv_heads = max(1, 32 // group // (dim // 64))
        out[f"group{group}-dim{dim}"] = shape(
            2048, 5632, group * kv_heads, kv_heads, dim, 32000, group % 2 == 0)
    out["dim192"] = shape(3072, 8192, 16, 4, 192, 32000, True)
    out["dim256"] = shape(2048, 16384, 8, 1, 256, 32000, True)
    return out


class Case(typing.NamedTuple):
    shape: str
    target: str
    split: bool
    packets: int
    cluster: int = 1
    inbox: bool = False  # the splits of a KV head hand over in the cluster

    def name(self):
        return (f"{self.shape}-{self.target}-"
                f"{'split' if self.split else 'whole'}-packets{self.packets}"
                + (f"-cluster{self.cluster}" if self.cluster > 1 else "")
                + ("-inbox" if self.inbox else ""))

    def schedule(self):
        """The imported schedule, by its file's stem."""
        return f"{self.shape}-few" if self.inbox else self.shape

    def has_room(self):
        return (self.shape, self.target, self.split) not in NO_ROOM

    def pipeline(self):
        tiling = f"target={self.target} split-attention={str(self.split).lower()}"
        assignment, gathers = "amk-sm-assignment", ""
        if self.cluster > 1:
            # As many whole clusters as there can be.
            workers = TARGETS[self.target] // self.cluster * self.cluster
            tiling += f" workers={workers}"
            assignment += f"{{cluster={self.cluster}}}"
            gathers = " inbox-bytes=65536" if self.inbox else " cluster-gathers"
        passes = ["amk-fusion-grouping", f"amk-tiling{{{tiling}}}", assignment,
                  f"amk-synchronization{{packets={self.packets}{gathers}}}",
                  "amk-page-coloring", "amk-pipelining"]
        return f"builtin.module(amk.schedule({','.join(passes)}))"


def quick_cases():
    targets = list(TARGETS)
    for i, name in enumerate(shapes(), start=1):
        # The fewest registers for the most code, and one in turns; of a group
        # each with one head dimension.
        is_group = name.startswith("group")
        is_first = (i + i // 2) % 2 == 0
        if not is_group or is_first:
            yield Case(name, "sm_80", True, 6)
        if not is_group or not is_first:
            yield Case(name, targets[i % 3], False, PACKETS[i // 3 % 3])
    # The most packets for a thread to gather, and the least shared memory.
    yield Case("70b", "sm_80", True, 4)
    yield Case("70b", "sm_80", False, 6)
    for target, split in itertools.product(["sm_90", "sm_100"], [True, False]):
        yield Case("70b", target, split, 6)
    yield Case("70b", "sm_120", True, 6)
    yield Case("1b", "sm_120", True, 6)
    yield Case("8b", "sm_120", False, 6)
    # The larger the cluster, the fewer packets there are for a thread.
    yield Case("8b", "sm_90", True, 6, 2)
    yield Case("70b", "sm_90", False, 6, 2)
    yield Case("1b", "sm_100", True, 6, 4)
    yield Case("dim256", "sm_100", False, 6, 2)
    yield Case("tiny", "sm_120", True, 6, 8)
    yield Case("8b", "sm_90", True, 6, 8, True)


def cases():
    for case in itertools.product(shapes(), TARGETS, [True, False], PACKETS):
        yield Case(*case)
    for case in itertools.product(shapes(), WITH_CLUSTERS, [True, False], [6],
                                  CLUSTERS):
        # What is refused is refused without clusters too.
        if Case(*case).has_room():
            yield Case(*case)
    for shape, target, cluster in itertools.product(
            ["tiny", "1b", "8b", "70b", "group4-dim64"], WITH_CLUSTERS, [4, 8]):
        if Case(shape, target, True, 6).has_room():
            yield Case(shape, target, True, 6, cluster, True)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode == 0, (done.stdout + done.stderr).strip()


def assemble(tools, folder, case):
    """Whether the case is as it should be, and what to print."""
    what = case.name()
    schedule, ptx = folder / f"{what}.mlir", folder / f"{what}.ptx"
    ok, said = run([tools / "amk-opt", "--pass-pipeline=" + case.pipeline(),
                    folder / f"{case.schedule()}.mlir", "-o", schedule])
    if not case.has_room():
        refused = re.search("amk-pipelining: (expected (room|at most).*)", said)
        return bool(not ok and refused), \
            f"{what}: no room: {refused.group(1) if refused else said}"
    if ok and case.inbox and "page<cluster" not in schedule.read_text():
        return False, f"{what}: no packets in cluster memory"
    if ok:
        ok, said = run([tools / "amk-translate", "--amk-to-ptx", schedule,
                        "-o", ptx])
    if not ok:
        return False, f"{what}: does not compile: {said}"
    lines, good = [], True
    for arch in ["", "sm_90"] if case.target == "sm_80" else [""]:
        ok, said = run([SCRIPTS / "assemble.sh", *(["-a", arch] if arch else []),
                        ptx])
        good = good and ok
        lines.append(said.replace(f"{folder}/", ""))
    schedule.unlink()
    ptx.unlink()
    return good, "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--filter", default="", metavar="REGEX",
                        help="only cases whose name has a match")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    tools = args.build / "bin"
    chosen = [case for case in (quick_cases() if args.quick else cases())
              if re.search(args.filter, case.name())]
    if not chosen:
        sys.exit(f"assemble-matrix: no case has a match for '{args.filter}'")
    bad = 0
    with tempfile.TemporaryDirectory() as name, \
            concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        folder = pathlib.Path(name)
        for model, config in shapes().items():
            (folder / model).mkdir()
            (folder / model / "config.json").write_text(json.dumps(config))
            # Few splits, that fit into a cluster; and as many as there are.
            for stem, splits in [(f"{model}-few", ["--kv-splits=4"]), (model, [])]:
                ok, said = run([tools / "amk-translate", "--import-hf",
                                "--config-only", *splits, folder / model, "-o",
                                folder / f"{stem}.mlir"])
                if not ok:
                    sys.exit(f"assemble-matrix: {model}: {said}")
        for ok, said in pool.map(
                lambda case: assemble(tools, folder, case), chosen):
            print(said if ok else f"{said}  <-- FAILED", flush=True)
            bad += not ok
    print(f"{len(chosen)} programs, {bad} with a spill, a stack frame or an error")
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
