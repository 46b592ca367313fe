"""Logits of a model against transformers.

    check_logits.py AMK_RUN CONFIG_DIR WORK_DIR PROGRAM[@LENGTHS]...
                    [--prompts LENGTHS] [--tokens 64]

Writes a random model (seeded, bf16) of CONFIG_DIR's shape to WORK_DIR, lets
every program generate from prompts of LENGTHS (1,100,1000) on cuda, and gives the
same tokens to transformers in float32 and in bf16. The relative L2 error of amk-run's
logits against float32 must not exceed that of the bf16 run. Needs torch with
CUDA and transformers. Exits with 1 if a bound is missed."""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM


def relative(a, b):
    return float((torch.linalg.norm(a - b) / torch.linalg.norm(b)).item())


def divergence(a, b):
    p, q = torch.log_softmax(b, -1), torch.log_softmax(a, -1)
    return float((p.exp() * (p - q)).sum(-1).mean().item())


def check(args, program, work, prompt, half_model, full_model):
    length = len(prompt)
    logits = work / "logits.npy"
    done = subprocess.run(
        [args.amk_run, program, "--weights", str(work), "--prompt-ids",
         ",".join(map(str, prompt)), "--max-new-tokens", str(args.tokens),
         "--device", "cuda", "--json", "--ignore-eos", "--logits-out",
         str(logits)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    report = json.loads(done.stdout)
    ours = torch.from_numpy(np.load(logits)).cuda()
    ids = torch.tensor([prompt + report["tokens"][:-1]], device="cuda")
    with torch.no_grad():
        half = half_model(ids).logits[0, length - 1:].float()
        full = full_model(ids).logits[0, length - 1:]
    error, reference = relative(ours, full), relative(half, full)
    top = full.topk(2).values
    sure = (top[:, 0] - top[:, 1]) > 2 * (ours - full).abs().amax(-1)
    wrong = (full.argmax(-1) != torch.tensor(report["tokens"],
                                             device="cuda")) & sure
    ok = error <= reference and not wrong.any()
    steps = sorted(report["step_ms"][length:])
    print(f"{'ok' if ok else 'BAD'} {pathlib.Path(program).stem} positions "
          f"{length - 1} to {length + args.tokens - 2}: relative L2 {error:.3e} "
          f"(transformers bf16 {reference:.3e}), KL {divergence(ours, full):.2e} "
          f"({divergence(half, full):.2e}), {int(sure.sum())} sure tokens, "
          f"{int(wrong.sum())} wrong; median step {steps[len(steps) // 2]:.4f} ms",
          flush=True)
    return ok


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("amk_run")
    parser.add_argument("config")
    parser.add_argument("work")
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--prompts", default="1,100,1000")
    parser.add_argument("--tokens", type=int, default=64)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    work = pathlib.Path(args.work)
    config = AutoConfig.from_pretrained(args.config)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    for name, p in model.named_parameters():
        if "norm" in name:  # gains of 1 would hide a gain left out
            p.data += torch.randn_like(p) * 0.1
    model.save_pretrained(work)
    # Loaded, not converted: a conversion to bf16 would round RoPE's frequencies,
    # which transformers keeps in float32.
    half_model, full_model = (
        AutoModelForCausalLM.from_pretrained(work, dtype=dtype).cuda()
        for dtype in (torch.bfloat16, torch.float32))
    generator = torch.Generator().manual_seed(1)
    bad = 0
    for entry in args.programs:
        program, _, lengths = entry.partition("@")
        for length in map(int, (lengths or args.prompts).split(",")):
            prompt = torch.randint(0, config.vocab_size, (length,),
                                   generator=generator).tolist()
            bad += not check(args, program, work, prompt, half_model, full_model)
    sys.exit(1 if bad else 0)


main()
