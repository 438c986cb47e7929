#!/usr/bin/env python3
"""The scripts that stand in steps: shellcheck finds nothing, no expression is written into one, files that it names exist.

usage: ci/actions/inline.py FILE...          (workflows and actions; prints how many there are)
"""
import pathlib
import re
import subprocess
import sys

import yaml


def steps(tree):
    for job in (tree.get("jobs") or {"action": tree.get("runs")}).values():
        yield from job.get("steps", [])


def mistakes(path, step):
    script = step["run"]
    if "${{" in script:
        yield "an expression is written into a script; hand it over in `env`"
    for name in re.findall(r'(?:^|[\s"/])((?:ci|scripts)/[\w/.-]+\.(?:sh|py))', script):
        file = pathlib.Path(name)
        if not file.exists():
            yield f"there is no {name}"
        elif not file.stat().st_mode & 0o111 and f"python {name}" not in script:
            yield f"{name} cannot be executed"
    done = subprocess.run(["shellcheck", "--shell=bash", "--severity=style", "-"], input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        yield done.stdout


def main():
    n, bad = 0, 0
    for path in sys.argv[1:]:
        for step in steps(yaml.safe_load(pathlib.Path(path).read_text())):
            if "run" in step:
                n += 1
                for what in mistakes(path, step):
                    print(f"{path}: step '{step.get('name', step['run'])}': {what}", file=sys.stderr)
                    bad += 1
    print(n)
    return 1 if bad or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
