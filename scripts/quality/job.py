"""What the scripts share that quantize with a tool: arguments, windows, and what a folder cost.

How: a job is one folder. Its facts (tool, method, form, versions, seconds, memory, command) go to
standard output and into FOLDER.json beside it, where compare.py finds them. Seconds are those of
loading, quantizing and saving, without the imports of Python; memory is the peak of the process.
"""
import argparse
import importlib.metadata
import json
import os
import pathlib
import resource
import shutil
import sys
import time

import windows

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                   "vocab.json", "merges.txt")


def parser(doc):
    p = argparse.ArgumentParser(description=doc.split("\n")[0])
    p.add_argument("model", type=pathlib.Path, help="an FP16 folder")
    p.add_argument("calibration", type=pathlib.Path, help="a text, documents apart by blank lines")
    p.add_argument("out", type=pathlib.Path, help="the folder to make; replaced if it is there")
    p.add_argument("--samples", type=int, default=128, help="windows at most (128)")
    p.add_argument("--window", type=int, default=512, help="tokens of a window (512)")
    p.add_argument("--threads", type=int, default=2, help="CPU threads (2)")
    return p


class Job:
    """One folder being made: open it after the imports, finish() it once the tool has saved."""

    def __init__(self, args):
        self.a = args
        self.cut = windows.windows(args.model, args.calibration, args.samples, args.window)
        shutil.rmtree(args.out, ignore_errors=True)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        self.busy = os.getloadavg()[0]
        self.start = time.monotonic()

    def finish(self, tool, method, form, recipe, packages=(), who=resource.RUSAGE_SELF,
               more=()):
        """form: bits, group, sym, act_order; recipe: what else the tool was told.

        who: whose memory and CPU time, this process's or its children's; more: versions of what is
        no Python package.
        """
        seconds = time.monotonic() - self.start
        used = resource.getrusage(who)
        for name in TOKENIZER_FILES:
            if (self.a.model / name).exists():
                shutil.copy(self.a.model / name, self.a.out)
        facts = {
            "tool": tool, "method": method, **form, "recipe": recipe,
            "versions": {p: importlib.metadata.version(p) for p in packages} | dict(more),
            "model": self.a.model.name, "calibration": self.a.calibration.name,
            "windows": len(self.cut), "window": self.a.window, "threads": self.a.threads,
            "seconds": round(seconds, 2),
            "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
            "peak_rss_mib": round(used.ru_maxrss / 1024, 1),
            "load_before": self.busy,
            "command": " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]])}
        text = json.dumps(facts, indent=2) + "\n"
        self.a.out.with_name(self.a.out.name + ".json").write_text(text)
        print(text, end="")


def form(bits, group, sym, act_order=False):
    return {"bits": bits, "group": group, "sym": sym, "act_order": act_order}
