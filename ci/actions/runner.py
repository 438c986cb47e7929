"""A small imitation of GitHub's runner: the jobs of a workflow and the steps of a composite action, run on this machine.

Steps run in order, each in a process of its own with the variables, files and shells that GitHub documents ("Workflow
commands for GitHub Actions", "Variables reference", "Metadata syntax": `bash --noprofile --norc -e -o pipefail {0}` where
a step says `shell: bash`, `bash -e {0}` where a workflow's step says nothing). What steps print is read as the runner
reads it: annotations, and `stop-commands` until its token returns. Actions of others are functions here (`Runner.others`)
that note what they were given. A job's workspace is the repository itself; its outputs lie below build/.
"""
import fnmatch
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess

import yaml

import expression

COMMAND = re.compile(r"::(?P<name>[a-z-]+)(?: (?P<properties>[^\n]*?))?::(?P<text>.*)")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def unescaped(text, more=()):
    for code, char in (("%0D", "\r"), ("%0A", "\n"), *more, ("%25", "%")):
        text = text.replace(code, char)
    return text


class Job:
    """What happened in a job: its result, outputs, annotations, summary, log and the order of its steps."""

    def __init__(self):
        self.result, self.outputs, self.annotations, self.order = "success", {}, [], []
        self.summary = self.log = ""

    def read(self, printed):
        """The workflow commands among the lines of a step."""
        self.log += printed
        token = None
        for line in printed.splitlines():
            match = COMMAND.match(line.strip())
            if token is not None:
                token = None if line.strip() == f"::{token}::" else token
            elif match and match["name"] == "stop-commands":
                token = match["text"]
            elif match and match["name"] in ("error", "warning", "notice"):
                pairs = dict(p.split("=", 1) for p in (match["properties"] or "").split(",") if "=" in p)
                where = {k: unescaped(v, (("%3A", ":"), ("%2C", ","))) for k, v in pairs.items()}
                self.annotations.append({"level": match["name"], "text": unescaped(match["text"]), **where})
            elif match and match["name"] in ("set-output", "set-env", "add-path", "add-mask", "save-state"):
                raise AssertionError(f"a step printed a command: {line}")


class Runner:
    def __init__(self, folder, github=None, variables=None, path=()):
        self.folder = pathlib.Path(folder)
        self.temp = self.folder / "temp"
        self.artifacts = self.folder / "artifacts"
        self.given = []  # (action, its inputs) of others' actions, in order
        self.variables = variables or {}
        self.path = [*map(str, path)]
        self.github = {
            "server_url": "https://github.com", "repository": "owner/quantgate", "repository_owner": "owner",
            "event_name": "push", "ref": "refs/heads/main", "ref_name": "main", "sha": "0" * 40, "workflow": "ci",
            "workspace": str(ROOT), "action_repository": "", "token": "no-token", "event": {}, **(github or {})}
        self.others = {
            "actions/checkout": self._checkout, "actions/cache": lambda given: {"cache-hit": ""},
            "actions/upload-artifact": self._upload, "actions/download-artifact": self._download,
            "actions/upload-pages-artifact": lambda given: self._upload({"name": "github-pages", **given}),
            "actions/deploy-pages": lambda given: {"page_url": "https://owner.github.io/quantgate/"},
            "actions/attest-build-provenance": self._attest,
        }
        for each in (self.temp, self.artifacts, self.folder / "home"):
            each.mkdir(parents=True, exist_ok=True)

    # ---- actions of others ----
    def _checkout(self, given):
        assert given.get("persist-credentials") is False, "a checkout leaves the token in .git"

    def _upload(self, given):
        assert not re.search(r'["<>|*?:\r\n\\/]', given["name"]), f"no artifact may be named {given['name']!r}"
        target, sources = self.artifacts / given["name"], []
        for line in given["path"].split("\n"):
            if line.strip():
                sources += sorted(ROOT.glob(line.strip())) if not os.path.isabs(line.strip()) else [pathlib.Path(line.strip())]
        sources = [s for s in sources if s.exists()]
        assert sources or given.get("if-no-files-found") != "error", f"nothing to upload at {given['path']!r}"
        if not sources:
            return
        target.mkdir(parents=True)  # a run has one artifact of a name
        for source in sources:
            if source.is_dir():
                shutil.copytree(source, target if len(sources) == 1 else target / source.name, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)

    def _download(self, given):
        for source in sorted(self.artifacts.iterdir()):
            if fnmatch.fnmatch(source.name, given["pattern"]):
                merged = given.get("merge-multiple") is True
                shutil.copytree(source, ROOT / given["path"] / ("" if merged else source.name), dirs_exist_ok=True)

    def _attest(self, given):
        assert list(ROOT.glob(given["subject-path"])), "there is nothing to attest"

    # ---- steps ----
    def _functions(self, failed):
        return {"success": lambda: not failed, "failure": lambda: failed, "always": lambda: True, "cancelled": lambda: False}

    def _shell(self, step, contexts, functions, env, job, action):
        """Runs a step's script; returns whether it failed, and its outputs."""
        script = self.folder / "step.sh"
        script.write_text(expression.filled(step["run"], contexts, functions))
        files = {name: self.folder / name for name in ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"] if step.get("shell") == "bash" else ["bash", "-e"]
        upper = {f"GITHUB_{k.upper()}": str(v) for k, v in self.github.items() if isinstance(v, str) and k not in ("token", )}
        kept = {k: os.environ[k] for k in ("WERROR", "MAKEFLAGS", "LANG", "QUANTGATE_CACHE", "CCACHE_DIR") if k in os.environ}
        own = {k: expression.text_of(expression.filled(v, contexts, functions)) for k, v in (step.get("env") or {}).items()}
        environment = {
            **kept, **upper, "CI": "true", "GITHUB_ACTIONS": "true", "HOME": str(self.folder / "home"),
            "RUNNER_TEMP": str(self.temp), "RUNNER_OS": "Linux", "PATH": ":".join([*self.path, os.environ["PATH"]]),
            **{f"GITHUB_{k}": str(v) for k, v in files.items()},
            **({"GITHUB_ACTION_PATH": str(action)} if action else {}), **env, **own}
        done = subprocess.run([*shell, str(script)], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        job.read(done.stdout)
        job.summary += files["STEP_SUMMARY"].read_text()
        env.update(self._pairs(files["ENV"].read_text()))
        self.path = [*reversed(files["PATH"].read_text().splitlines()), *self.path]
        return done.returncode != 0, self._pairs(files["OUTPUT"].read_text())

    @staticmethod
    def _pairs(text):
        """NAME=VALUE lines, and NAME<<END values of several."""
        pairs, lines = {}, iter(text.splitlines())
        for line in lines:
            if re.match(r"[^=]+<<", line):
                name, end = line.split("<<", 1)
                pairs[name] = "\n".join(itertools.takewhile(lambda one, end=end: one != end, lines))
            elif line:
                assert "=" in line, f"no NAME=VALUE: {line!r}"
                name, pairs[name] = line.split("=", 1)[0], line.split("=", 1)[1]
        return pairs

    def _uses(self, step, contexts, functions, env, job):
        name = step["uses"]
        given = expression.filled(step.get("with") or {}, contexts, functions)
        if name.startswith("./"):
            return self._composite(ROOT / name, given, env, job)
        action, _, version = name.partition("@")
        assert re.fullmatch(r"[0-9a-f]{40}", version), f"{name} is not pinned"
        self.given.append((action, given))
        return False, {k: v for k, v in (self.others[action](given) or {}).items()}

    def _steps(self, steps, contexts, env, job, action=None):
        """Runs steps in order; returns whether one failed. contexts["steps"] gets what each was and gave."""
        failed = False
        contexts["steps"] = {}
        for step in steps:
            name = step.get("name") or step.get("uses") or step.get("run")
            contexts["env"] = env
            functions = self._functions(failed)
            bad, outputs, outcome = False, {}, "skipped"
            if expression.condition(step.get("if", "success()"), contexts, functions):
                job.order.append(name)
                run = self._uses if "uses" in step else self._shell
                arguments = (step, contexts, functions, env, job) + (() if "uses" in step else (action, ))
                bad, outputs = run(*arguments)
                outcome = "failure" if bad else "success"
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs, "outcome": outcome, "conclusion": outcome}
            failed = failed or (bad and not step.get("continue-on-error"))
        return failed

    def _composite(self, folder, given, env, job):
        folder = folder.resolve()
        action = yaml.safe_load((folder / "action.yml").read_text())
        declared = action.get("inputs") or {}
        unknown = set(given) - set(declared)
        assert not unknown, f"{folder.name} has no inputs {unknown}"
        inputs = {k: v.get("default", "") for k, v in declared.items()}
        inputs.update({k: expression.text_of(v) for k, v in given.items()})
        contexts = {"inputs": inputs, "github": {**self.github, "action_path": str(folder)}, "env": env,
                    "runner": {"temp": str(self.temp), "os": "Linux"}}
        for step in action["runs"]["steps"]:
            assert "uses" in step or "shell" in step, "a composite action's step names its shell"
        failed = self._steps(action["runs"]["steps"], contexts, env, job, action=folder)
        outputs = {k: expression.filled(v["value"], contexts) for k, v in (action.get("outputs") or {}).items()}
        return failed, outputs

    def use(self, **given):
        """Runs the action of this repository as a step of a job would."""
        job = Job()
        failed, job.outputs = self._composite(ROOT / ".github/actions/quantgate", given, {}, job)
        job.result = "failure" if failed else "success"
        return job

    # ---- jobs ----
    def job(self, workflow, name, matrix=None, needs=None, env=None, index=0, inputs=None):
        """Runs one job of a workflow; None where its `if` says no. `env` takes the place of variables of the workflow."""
        tree = yaml.safe_load((ROOT / ".github/workflows" / f"{workflow}.yml").read_text())
        described = tree["jobs"][name]
        job = Job()
        contexts = {"github": self.github, "vars": self.variables, "inputs": inputs or {}, "needs": needs or {},
                    "matrix": matrix or {}, "strategy": {"job-index": float(index)},
                    "runner": {"temp": str(self.temp), "os": "Linux"}}
        bad = any(n["result"] != "success" for n in (needs or {}).values())
        functions = self._functions(bad)
        if not expression.condition(described.get("if", "success()"), contexts, functions):
            return None
        shutil.rmtree(self.temp)  # as the runner does between jobs
        self.temp.mkdir()
        variables = {**(tree.get("env") or {}), **(env or {})}
        variables = {k: expression.text_of(expression.filled(v, contexts)) for k, v in variables.items()}
        contexts["env"] = variables
        variables.update({k: expression.text_of(expression.filled(v, contexts)) for k, v in (described.get("env") or {}).items()})
        path = list(self.path)
        job.failed = self._steps(described["steps"], contexts, variables, job)
        self.path = path
        job.result = "failure" if job.failed else "success"
        job.outputs = expression.filled(described.get("outputs") or {}, contexts)
        return job


def combinations(matrix):
    """The jobs of a matrix without `exclude`, as GitHub expands it."""
    include = matrix.get("include", [])
    keys = [k for k in matrix if k != "include"]
    jobs = [dict(zip(keys, values)) for values in itertools.product(*(matrix[k] for k in keys))] if keys else []
    for extra in include:
        fits = [j for j in jobs if all(j.get(k) == extra[k] for k in keys if k in extra)]
        if fits and keys:
            for job in fits:
                job.update(extra)
        else:
            jobs.append(dict(extra))
    return jobs
