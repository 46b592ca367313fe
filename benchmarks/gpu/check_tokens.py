"""Compares two devices (or a device and the float32 reference) on a checkpoint
with a golden.json: tokens up to the first line break, logits by relative L2,
and the bits of two runs.

    check_tokens.py AMK_RUN PROGRAM CHECKPOINT [--reference-program PROGRAM]

Needs numpy. Exits with 1 if anything differs by more than it may."""
import argparse
import json
import subprocess
import sys
import tempfile
import pathlib

import numpy as np

LINE_BREAKS = {260}  # ".\n" in the checkpoint's tokenizer


def run(amk_run, program, checkpoint, prompt, new_tokens, device, logits):
    command = [amk_run, program, "--weights", checkpoint, "--prompt-ids",
               ",".join(map(str, prompt)), "--max-new-tokens", str(new_tokens),
               "--device", device, "--json", "--ignore-eos",
               "--logits-out", logits]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)["tokens"], np.load(logits)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("amk_run")
    parser.add_argument("program")
    parser.add_argument("checkpoint")
    parser.add_argument("--reference-program")
    parser.add_argument("--bound", type=float, default=1e-2)
    args = parser.parse_args()
    golden = json.load(open(pathlib.Path(args.checkpoint) / "golden.json"))
    bad = 0
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        file = str(pathlib.Path(folder) / "logits.npy")
        for entry in golden["generations"]:
            prompt = entry["prompt_ids"]
            answer = entry["greedy_fp32"][len(prompt):]
            n = next((i for i, t in enumerate(answer) if t in LINE_BREAKS),
                     len(answer) - 1) + 1
            tokens, cuda = run(args.amk_run, args.program, args.checkpoint,
                               prompt, n, "cuda", file)
            again, cuda2 = run(args.amk_run, args.program, args.checkpoint,
                               prompt, n, "cuda", file)
            reference = args.reference_program or args.program
            _, cpu = run(args.amk_run, reference, args.checkpoint, prompt, n,
                         "cpu", file)
            error = float(np.linalg.norm(cuda - cpu) / np.linalg.norm(cpu))
            worst = max(worst, error)
            same = tokens == answer[:n] and tokens == again
            bits = cuda.tobytes() == cuda2.tobytes()
            ok = same and bits and error <= args.bound
            bad += not ok
            print(f"{'ok' if ok else 'BAD'} {entry['prompt']!r}: {n} tokens "
                  f"{'equal' if same else f'{tokens} for {answer[:n]}'}, "
                  f"logits {error:.2e}, bits {'equal' if bits else 'differ'}")
    print(f"worst relative L2 error against cpu: {worst:.3e}; {bad} bad")
    sys.exit(1 if bad else 0)


main()
