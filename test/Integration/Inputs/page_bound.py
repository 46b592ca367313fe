"""Compiles models of many shapes, from a config.json alone, and compares the
bytes of their pages with the weight of the clique that the pass reports, below
which no assignment of whole buffers gets. Prints a line for each space and fails
if one is more than 5 % above.

    page_bound.py CONFIG.json FOLDER TARGET [TARGET OF THE SMALL ONES...]"""
import json
import os
import re
import subprocess
import sys

TOY = dict(vocab_size=1024, bos_token_id=0, eos_token_id=2,
           tie_word_embeddings=False)


def shape(hidden, inter, layers, heads, kv_heads, head_dim, **rest):
    return dict(hidden_size=hidden, intermediate_size=inter,
                num_hidden_layers=layers, num_attention_heads=heads,
                num_key_value_heads=kv_heads, head_dim=head_dim, **rest)


SHAPES = {
    "multi-head": shape(256, 768, 3, 4, 4, 64, **TOY),
    "grouped": shape(256, 768, 3, 4, 2, 64, **TOY),
    "one KV head": shape(512, 640, 5, 8, 1, 64, **TOY),
    "one layer": shape(128, 128, 1, 2, 1, 64, **TOY),
    "wide heads": shape(1024, 1152, 4, 8, 4, 128, **TOY),
    "tied": shape(512, 1536, 6, 8, 4, 64, **{**TOY, "tie_word_embeddings": True}),
    "1B": shape(2048, 8192, 16, 32, 8, 64),
    "3B": shape(3072, 8192, 28, 24, 8, 128),
    "8B": shape(4096, 14336, 32, 32, 8, 128, tie_word_embeddings=False),
    "70B": shape(8192, 28672, 80, 64, 8, 128, tie_word_embeddings=False),
}
TOYS = list(SHAPES)[:6]
REMARK = re.compile(r"bound bytes=(\d+), buffers=(\d+), generations=\d+, "
                    r"peak bytes=(\d+), space=(\w+)")


def main():
    base, folder = json.load(open(sys.argv[1])), sys.argv[2]
    worst = 0.0
    for name, values in SHAPES.items():
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        with open(os.path.join(folder, name, "config.json"), "w") as file:
            json.dump({**base, **values}, file)
        imported = os.path.join(folder, name, "imported.mlir")
        subprocess.run(["amk-translate", "--import-hf", "--config-only",
                        os.path.join(folder, name), "-o", imported], check=True)
        # Few workers have no room for the plan of a large model.
        for options in sys.argv[3:] if name in TOYS else sys.argv[3:4]:
            remarks = subprocess.run(
                ["amk-opt", imported, f"--amk-compile={options}",
                 "--remarks-filter=amk-page-coloring", "-o", os.devnull],
                check=True, stderr=subprocess.PIPE, text=True).stderr
            found = REMARK.findall(remarks)
            if sorted(f[3] for f in found) != ["scratch", "shared"]:
                sys.exit(f"{name}: expected a remark for each space: {remarks}")
            for bound, buffers, peak, space in found:
                bound, peak = int(bound), int(peak)
                above = peak / bound - 1 if bound else float(peak > 0)
                worst = max(worst, above)
                print(f"{name}, {options}: {space}: {buffers} buffers, peak "
                      f"{peak}, bound {bound}: {above:.1%} above")
    print(f"most: {worst:.1%}")
    sys.exit(worst > 0.05)


main()
