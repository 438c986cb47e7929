#!/usr/bin/env python3
"""A folder of `quantgate quantize`, with its facts beside it as those of the other tools.

    make_quantgate.py MODEL_DIR CALIBRATION OUT --method rtn|int8|gptq|awq [--samples 128]
        [--window 512] [--group 128] [--asym] [--act-order] [-- MORE OPTIONS OF quantize]
"""
import pathlib
import resource
import subprocess
import sys

import job

ROOT = pathlib.Path(__file__).resolve().parents[2]


def options(a):
    """What `quantize` is told; rtn looks at no text."""
    out = ["--method", a.method, "--threads", str(a.threads)]
    if a.method != "rtn":
        out += ["--calibration", str(a.calibration), "--samples", str(a.samples),
                "--window", str(a.window)]
    if a.method == "int8":
        return out
    out += ["--bits", "4", "--group-size", str(a.group)]
    if a.method != "awq":
        out += ["--asym" if a.asym else "--sym", *["--act-order"] * a.act_order]
    return out


def version(program):
    """Number and commit, such as '0.1.0 (497e46c9ed2f)'."""
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True).stdout
    return said.split(",")[0].removeprefix("quantgate ") + ")"


def main():
    p = job.parser(__doc__)
    p.add_argument("--method", choices=("rtn", "int8", "gptq", "awq"), required=True)
    p.add_argument("--group", type=int, default=128)
    p.add_argument("--asym", action="store_true")
    p.add_argument("--act-order", action="store_true")
    p.add_argument("--program", type=pathlib.Path, default=ROOT / "build/quantgate")
    p.add_argument("more", nargs="*", help="more options of quantize, after --")
    a = p.parse_args()
    made = job.Job(a)
    argv = [str(a.program), "quantize", str(a.model), *options(a), *a.more, "-o", str(a.out)]
    if subprocess.run(argv, stdout=sys.stderr).returncode:
        sys.exit(f"make_quantgate: '{' '.join(argv)}' failed")
    form = job.form(8, -1, True) if a.method == "int8" else job.form(
        4, a.group, not a.asym and a.method != "awq", a.act_order)
    made.finish("quantgate", a.method, form, {"argv": " ".join(options(a) + a.more)},
                who=resource.RUSAGE_CHILDREN, more={"quantgate": version(a.program)})


if __name__ == "__main__":
    main()
