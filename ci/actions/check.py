#!/usr/bin/env python3
"""Runs the action and the workflows as GitHub would, on this machine, and holds what they leave against what they should.

usage: ci/actions/check.py          (with the Python of build/venv; build/quantgate is there)

The subjects are short copies of the embedded suite below build/ci/actions. `gh` is ci/actions/gh.py, which answers from a
folder of JSON. A name that a stranger chose (suite, branch, model, argument) must stay a name: each hostile one would
leave a file if a shell, or a command of the runner if the log, took it for more.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import traceback
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import runner  # noqa: E402
from runner import ROOT  # noqa: E402

WORK = ROOT / "build/ci/actions"
PWNED = WORK / "pwned"
SHELL = f"$(touch {PWNED})`touch {PWNED}`'\";touch {PWNED};&|<>*?~#\\"
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def suite(file="demo", **changes):
    """A short copy of the embedded suite, with texts replaced; its path from the root."""
    text = (ROOT / "suites/smoke.yaml").read_text().replace(": data/", ": suites/data/")
    text = re.sub(r"samples: \{[^}]*\}", "samples: {min: 7, max: 7, warmup: 1}", text)
    text = re.sub(r"ttft_p95: [^,}]*, *", "", text)
    for before, after in changes.values():
        assert before in text, f"the embedded suite has no '{before}'"
        text = text.replace(before, after, 1)
    path = WORK / f"{file}.yaml"
    path.write_text(text)
    return str(path.relative_to(ROOT))


def line_of(path, text):
    return next(n for n, line in enumerate((ROOT / path).read_text().splitlines(), 1) if text in line)


def fresh(name, **settings):
    """A runner with an empty folder, its own gh and the time of no other test."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/gh").symlink_to(ROOT / "ci/actions/gh.py")
    return runner.Runner(folder, path=[folder / "bin"], **settings)


def uploaded(run):
    return [given["name"] for action, given in run.given if action == "actions/upload-artifact"]


# ---- the action ----
@test
def a_suite_that_passes():
    run = fresh("pass")
    job = run.use(suite=suite(), args="--only '*/b1'", out="build/ci/actions/report")
    assert job.outputs == {"verdict": "pass", "exit-code": "0", "report": "build/ci/actions/report",
                           "summary": "build/ci/actions/report/summary.md"}, job.outputs
    assert job.result == "success" and job.annotations == [], job.annotations
    assert "fp16/perf/b1" in job.summary and job.summary == (ROOT / job.outputs["summary"]).read_text()
    assert uploaded(run) == ["quantgate-report"]
    kept = {p.name for p in (run.artifacts / "quantgate-report").iterdir()}
    assert {"run.json", "junit.xml", "summary.md", "annotations.txt", "report.html"} <= kept, kept


@test
def a_suite_that_fails():
    run = fresh("fail")
    path = suite("fails", budget=("weights: 7349248 B", "weights: 6 MiB"))
    job = run.use(suite=path, args="--only '*/b1'", out="build/ci/actions/report", artifact="failing")
    assert job.result == "failure" and job.outputs["exit-code"] == "1" and job.outputs["verdict"] == "fail"
    assert job.order[-2:] == ["Keep the reports", "Verdict"], job.order  # it fails after the uploads
    errors = [a for a in job.annotations if a["level"] == "error"]
    assert len(errors) == 1 and errors[0]["file"] == path, errors
    assert int(errors[0]["line"]) == line_of(path, "weights: 6 MiB"), errors
    assert "weights" in errors[0]["title"] and "6 MiB" in errors[0]["text"], errors
    assert "FAIL" in job.summary or "fail" in job.summary
    assert uploaded(run) == ["failing"] and (run.artifacts / "failing/run.json").exists()


@test
def a_suite_that_is_wrong():
    run = fresh("wrong")
    job = run.use(suite="suites/bad/many-mistakes.yaml", out="build/ci/actions/none")
    assert job.result == "failure" and job.outputs["exit-code"] == "2" and job.outputs["verdict"] == "invalid"
    assert len(job.annotations) == 10 and job.annotations[-1]["text"].startswith("and 6 more"), job.annotations
    assert job.annotations[2]["line"] == "2" and "did you mean 'name'" in job.annotations[2]["text"]
    for given, why in (({"suite": "x.yaml", "args": "--only 'a"}, "quote"), ({"suite": "x", "retries": "6"}, "retries"),
                       ({"suite": "\n \n"}, "no suite"), ({"parts": "build/ci/actions/nothing"}, "no run.json")):
        job = run.use(out="build/ci/actions/none", artifact="", **given)
        assert job.outputs["exit-code"] == "2" and why in job.annotations[0]["text"], (given, job.annotations)


@test
def several_suites():
    run = fresh("several")
    job = run.use(suite=f"{suite('one')}\n\n{suite('two', budget=('kv_cache: 320 KiB', 'kv_cache: 1 KiB'))}\n",
                  args="--only */b1", out="build/ci/actions/several-report", summary="false")
    assert job.outputs["exit-code"] == "1" and len(job.annotations) == 1, job.annotations
    assert job.summary == "" and "one" in (ROOT / job.outputs["summary"]).read_text()


@test
def only_installed():
    run = fresh("only")
    job = run.use()
    assert job.result == "success" and job.order == ["Name what is built", "Take it from the cache", "Install quantgate"]
    assert job.outputs["verdict"] == "" or job.outputs["verdict"] is None
    assert (run.temp / "quantgate/bin/quantgate").exists() and str(run.temp / "quantgate/bin") == run.path[0]


def stub(run, text):
    """A program in the place of quantgate."""
    path = run.folder / "bin/quantgate"
    path.write_text("#!/usr/bin/env bash\n" + text)
    path.chmod(0o755)


def judged(run, **variables):
    """ci/action/run.sh alone, with what run.path has as quantgate."""
    job = runner.Job()
    step = {"run": "exec ci/action/run.sh", "shell": "bash", "env": variables}
    failed, job.outputs = run._shell(step, {}, {}, {}, job, None)
    assert not failed, job.log
    return job


@test
def only_a_machine_is_tried_again():
    run = fresh("retry")
    for code, tries, word in ((3, 3, "error"), (1, 1, "fail"), (2, 1, "invalid"), (4, 1, "inconclusive"), (139, 3, "error")):
        counter = run.folder / f"tries{code}"
        stub(run, f"echo x >>'{counter}'\nexit {code}\n")
        job = judged(run, SUITE="a.yaml", OUT="build/ci/actions/none", RETRIES="2")
        assert len(counter.read_text().split()) == tries, (code, counter.read_text())
        assert job.outputs["verdict"] == word and job.outputs["exit-code"] == str(min(code, 3) if code > 4 else code)
        assert len([a for a in job.annotations if a["level"] == "warning"]) == tries - 1
    stub(run, f"[ -e '{run.folder}/second' ] && exit 0\ntouch '{run.folder}/second'\nexit 3\n")
    assert judged(run, SUITE="a.yaml", OUT="build/ci/actions/none", RETRIES="1").outputs["verdict"] == "pass"


@test
def what_a_program_prints_is_text():
    run = fresh("prints")
    stub(run, "echo '::error file=x,line=1::planted'\necho '::set-output name=verdict::pass'\n"
              "echo '::error::planted too' >&2\necho '::stop-commands::x'\nexit 1\n")
    job = judged(run, SUITE="a.yaml", OUT="build/ci/actions/none")
    assert job.annotations == [] and job.outputs["verdict"] == "fail"


@test
def a_cancelled_job_is_told_to_the_program():
    run = fresh("cancel")
    stub(run, f"trap 'echo stopped >\"{run.folder}/stopped\"; exit 3' TERM\ntouch '{run.folder}/started'\n"
              "for i in $(seq 400); do sleep 0.05; done\n")
    environment = {**os.environ, "PATH": f"{run.folder}/bin:{os.environ['PATH']}", "RUNNER_TEMP": str(run.temp), "SUITE": "a.yaml",
                   "OUT": "build/ci/actions/none", "RETRIES": "3", "GITHUB_OUTPUT": str(run.folder / "OUTPUT")}
    with subprocess.Popen([ROOT / "ci/action/run.sh"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        while not (run.folder / "started").exists():
            assert process.poll() is None
        process.terminate()
        try:
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
    assert (run.folder / "stopped").exists() and "exit-code=3" in (run.folder / "OUTPUT").read_text()


@test
def summaries_and_annotations_keep_their_limits():
    run = fresh("limits")
    stub(run, """out=${!#}; for a in "$@"; do case $a in --out=*) out=${a#--out=} ;; esac; done
for s in one two three; do mkdir -p "$out/$s"; head -c 400000 /dev/zero | tr '\\0' x >"$out/$s/summary.md"
for i in 1 2 3 4 5 6; do echo "::error file=$s,line=$i::m"; echo "::warning file=$s::w"; done >"$out/$s/annotations.txt"; done
exit 1
""")
    out = WORK / "limits-report"
    job = judged(run, SUITE="one.yaml\ntwo.yaml\nx/three.yaml", OUT=str(out))
    assert 800000 < len(job.summary) < 1 << 20 and "left out" in job.summary
    for level in ("error", "warning"):
        told = [a for a in job.annotations if a["level"] == level]
        assert len(told) == 10 and told[-1]["text"].startswith("and 9 more"), told


# ---- names that strangers choose ----
@test
def hostile_inputs_are_names():
    run = fresh("hostile")
    named = SHELL.replace("/", "_").replace("&|<>*?~#\\", "")
    path = WORK / f"{named}.yaml"
    shutil.copy(ROOT / suite(), path)
    job = run.use(suite=str(path.relative_to(ROOT)), args="--only '*/b1'", out=f"build/ci/actions/{named}")
    assert job.outputs["verdict"] == "pass", job.log
    for given in ({"suite": SHELL}, {"suite": "--help"}, {"suite": f"x.yaml\n{SHELL}"}, {"suite": "a", "device": SHELL},
                  {"suite": "a", "gate": SHELL}, {"suite": "a", "baseline": SHELL}, {"suite": "a", "args": SHELL.replace("'\"", "")},
                  {"suite": "a", "args": SHELL}, {"suite": "a", "retries": SHELL}, {"parts": SHELL},
                  {"suite": "a", "out": f"x\nverdict=pass\n{SHELL}"}, {"suite": "a\r\n::error::planted"}):
        job = run.use(**{"out": "build/ci/actions/none", "artifact": "", **given})
        assert job.outputs["exit-code"] == "2" and job.outputs["verdict"] == "invalid", (given, job.outputs, job.log)
        assert job.result == "failure" and not any(a["text"] == "planted" for a in job.annotations), job.annotations
    for given in ({"version": SHELL}, {"version": "v1.0.0\n::error::planted"}, {"version": "v1.0.0", "checksum": SHELL}):
        job = run.use(suite="a", **given)
        assert job.result == "failure" and job.order[-1] == "Install quantgate", (given, job.order)
        assert [a["title"] for a in job.annotations] == ["quantgate is not installed"], job.annotations
    assert not PWNED.exists(), "a name was run"


@test
def a_hostile_suite_stays_text():
    run = fresh("hostile-suite")
    title = f'"a <script>alert(1)</script> {SHELL[:-1]}'.replace('"', "'").replace("'", "''")
    path = suite("hostile-suite", name=("name: smoke", f"name: '{title}'"), budget=("weights: 7349248 B", "weights: 6 MiB"))
    job = run.use(suite=path, args="--only */b1", out="build/ci/actions/hostile-report")
    assert job.outputs["exit-code"] == "1" and [a["file"] for a in job.annotations] == [path], job.log
    assert "<script>" not in job.summary and not PWNED.exists()
    path = suite("hostile-model", models=("  fp16: {model", '  "$(touch x)\\n::error::planted": {model'))
    job = run.use(suite=path, out="build/ci/actions/none")
    assert job.outputs["exit-code"] == "2" and not any(a["text"] == "planted" for a in job.annotations), job.annotations


# ---- releases ----
def release(run, name="v0.1.0", damage=False):
    """Releases below a folder, with one archive for this system: its address."""
    archive = next((ROOT / "build/dist").glob("*.tar.gz"))
    target = run.folder / "releases/owner/quantgate/releases/download" / name
    target.mkdir(parents=True)
    shutil.copy(archive, target)
    listed = subprocess.run(["sha256sum", archive.name], cwd=target, check=True, capture_output=True, text=True).stdout
    (target / "SHA256SUMS").write_text(listed)
    if damage:
        with open(target / archive.name, "ab") as file:
            file.write(b"x")
    return f"file://{run.folder}/releases", listed.split()[0]


@test
def a_tag_becomes_a_release():
    version = re.search(r"^VERSION *:= *(\S+)", (ROOT / "Makefile").read_text(), re.M)[1]
    github = {"ref": f"refs/tags/v{version}", "ref_name": f"v{version}", "event_name": "push"}
    shutil.rmtree(ROOT / "build/dist", ignore_errors=True)
    run = fresh("release", github=github)
    built = run.job("release", "build", matrix={"os": "here"})
    if "changes that no commit holds" in built.log:
        return "left out, there are changes that no commit holds"
    assert built.result == "success", built.log
    shutil.rmtree(ROOT / "build/dist")
    published = run.job("release", "publish", needs={"build": {"result": built.result, "outputs": {}}})
    assert published.result == "success", published.log
    called = [json.loads(line) for line in (run.folder / "gh.log").read_text().splitlines()]
    assert called[-1][:3] == ["release", "create", f"v{version}"] and "--verify-tag" in called[-1], called
    names = {pathlib.Path(a).name for a in called[-1] if "build/dist" in a}
    assert len(names) == 3 and {"SHA256SUMS", "notes.md"} < names, names
    other = fresh("release-other", github={**github, "ref": "refs/tags/v9.9.9", "ref_name": "v9.9.9"})
    assert other.job("release", "build", matrix={"os": "here"}).result == "failure"
    return None


@test
def a_release_is_installed_by_its_checksum():
    if not list((ROOT / "build/dist").glob("*.tar.gz")):
        return "left out, there is no archive"
    for damage, checksum, exit_word in ((False, "", "success"), (True, "", "failure"), (False, "0" * 64, "failure")):
        run = fresh("install")
        run.github["server_url"], whole = release(run, damage=damage)
        job = run.use(version="v0.1.0", checksum=checksum)
        assert job.result == exit_word, (damage, checksum, job.log)
        assert (exit_word == "success") == (run.temp / "quantgate/bin/quantgate").exists()
    run = fresh("install")
    run.github["server_url"], whole = release(run)
    assert run.use(version="v0.1.0", checksum=whole, suite=suite(), args="--only */b1", out="build/ci/actions/report").result == "success"
    assert "is not installed" in run.use(version="v0.2.0").annotations[0]["title"]
    return None


# ---- the other workflows ----
@test
def ci_tests_and_shows_coverage():
    run = fresh("ci", github={"event": {"pull_request": {"base": {"sha": "0" * 40}}}})
    job = run.job("ci", "tests", matrix={"os": "ubuntu-24.04", "compiler": "gcc", "steps": "layers"})
    assert job.order == ["actions/checkout@" + job.order[0].split("@")[1], "Bring what was downloaded and compiled before",
                         "Install", "Test", "Show coverage", job.order[-1]], job.order
    assert "layers" in job.log and "1 passed, 0 failed" in job.log, job.log
    jobs = runner.combinations(runner.yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["tests"]["strategy"]["matrix"])
    assert len(jobs) == 4 and sum("steps" in j for j in jobs) == 2, jobs


@test
def parts_are_measured_and_folded():
    for fails in (False, True):
        path = suite("parts", **({"budget": ("kv_cache: 320 KiB", "kv_cache: 1 KiB")} if fails else {}))
        env = {"SUITE": path, "DEVICE": "cpu"}
        for folder in ("part", "parts"):
            shutil.rmtree(ROOT / "build" / folder, ignore_errors=True)
        run = fresh("gpu", variables={"QUANTGATE_GPU": "true", "QUANTGATE_GPU_RUNNERS": "3"})
        planned = run.job("gpu", "plan", env=env)
        assert planned.result == "success", planned.log
        matrix = json.loads(planned.outputs["matrix"])
        needs = {"plan": {"result": "success", "outputs": planned.outputs}}
        parts = [run.job("gpu", "measure", matrix=one, needs=needs, env=env, index=i)
                 for i, one in enumerate(runner.combinations(matrix))]
        assert len(parts) == 3 and all(p.annotations == [] and p.summary == "" for p in parts)
        assert {p.result for p in parts} == ({"success", "failure"} if fails else {"success"}), [p.log for p in parts]
        needs["measure"] = {"result": "failure" if fails else "success", "outputs": {}}
        verdict = run.job("gpu", "verdict", needs=needs, env=env)
        assert verdict.result == ("failure" if fails else "success"), verdict.log
        assert len(verdict.annotations) == int(fails) and "fp16/perf/b1" in verdict.summary
        if fails:
            assert int(verdict.annotations[0]["line"]) == line_of(path, "kv_cache: 1 KiB")
    for stale in (run.artifacts / "part-1", run.artifacts / "quantgate-report-gpu", ROOT / "build/parts"):
        shutil.rmtree(stale)
    assert "exit code 3" in run.job("gpu", "verdict", needs=needs, env={"SUITE": suite("parts"), "DEVICE": "cpu"}).log


@test
def strangers_are_not_measured_on_gpus():
    own, fork = ({"pull_request": {"head": {"repo": {"full_name": n}}}} for n in ("owner/quantgate", "stranger/quantgate"))
    for event, variables, runs in ((own, "true", True), (fork, "true", False), (own, "", False)):
        run = fresh("fork", github={"event_name": "pull_request", "event": event}, variables={"QUANTGATE_GPU": variables})
        assert (run.job("gpu", "plan", env={"SUITE": suite(), "DEVICE": "cpu"}) is not None) == runs
    run = fresh("fork", github={"event_name": "workflow_dispatch"}, variables={"QUANTGATE_GPU": "true"})
    for commit in ("refs/pull/1/head", "main", SHELL, "0" * 39):
        job = run.job("gpu", "plan", inputs={"commit": commit}, env={"SUITE": suite(), "DEVICE": "cpu"})
        assert job.result == "failure" and len(job.order) == 1, job.order
    assert not PWNED.exists()


def answers(run, **files):
    """What gh says: a file of JSON, or bytes, for each path of the API."""
    folder = run.folder / "answers"
    folder.mkdir()
    for path, value in files.items():
        (folder / path).write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())


def zipped(run, **members):
    path = run.folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)
    return path.read_bytes()


@test
def a_night_is_kept_and_published():
    program = ROOT / "build/quantgate"
    lacking = [c for c in ("history", "dashboard") if subprocess.run([program, c, "--help"], capture_output=True, check=False).returncode]
    if lacking:
        return f"left out, the program has no command {lacking[0]}"
    run = fresh("nightly", variables={"QUANTGATE_PAGES": "true"})
    answers(run, **{"repo": {"default_branch": "main"}, "runs": {"workflow_runs": []}})
    shutil.rmtree(ROOT / "build/nightly", ignore_errors=True)
    # the suites and coverage take minutes: the same scripts on what is short
    job = runner.Job()
    env = {"HISTORY": "build/nightly/history.db", "SITE": "build/nightly/site"}
    for _ in range(2):
        failed, _ = run._shell({"run": "ci/nightly/restore.sh", "shell": "bash"}, {}, {}, env, job, None)
        assert not failed, job.log
        judged_job = run.use(suite=suite(), args="--only */b1", history=env["HISTORY"], out="build/ci/actions/report", artifact="")
        assert judged_job.result == "success", judged_job.log
    failed, outputs = run._shell({"run": "ci/nightly/dashboard.sh", "shell": "bash"}, {}, {}, env, job, None)
    assert not failed and outputs == {"history": env["HISTORY"], "site": env["SITE"]}, job.log
    assert (ROOT / env["SITE"] / "index.html").exists()
    return None


@test
def only_our_nights_are_restored():
    run = fresh("restore")
    ours = {"id": 7, "event": "schedule", "head_repository": {"full_name": "owner/quantgate"}, "repository": {"full_name": "owner/quantgate"}}
    theirs = {**ours, "id": 6, "head_repository": {"full_name": "stranger/quantgate"}}
    pull = {**ours, "id": 5, "event": "pull_request"}
    answers(run, repo={"default_branch": "main"}, runs={"workflow_runs": [pull, theirs, ours]},
            artifacts_5={"artifacts": [{"id": 50, "expired": False}]}, artifacts_6={"artifacts": [{"id": 60, "expired": False}]},
            artifacts_7={"artifacts": [{"id": 69, "expired": True}, {"id": 70, "expired": False}]},
            zip_50=zipped(run, **{"history.db": "pull"}), zip_60=zipped(run, **{"history.db": "theirs"}),
            zip_70=zipped(run, **{"history.db": "ours"}))
    target, job = WORK / "restored/history.db", runner.Job()
    failed, _ = run._shell({"run": "ci/nightly/restore.sh", "shell": "bash"}, {}, {}, {"HISTORY": str(target)}, job, None)
    assert not failed and target.read_text() == "ours", job.log


def commented(run, report, existing=(), pulls=None, branch="feature"):
    event = {"workflow_run": {"event": "pull_request", "id": 9.0, "head_sha": "a" * 40, "head_branch": branch,
                              "head_repository": {"owner": {"login": "stranger"}}},
             "repository": {"default_branch": "main"}}
    run.github.update(event_name="workflow_run", event=event)
    answers(run, pulls=[{"number": 3, "head": {"sha": "a" * 40}}] if pulls is None else pulls, comments=list(existing),
            artifacts_9={"artifacts": [{"id": 90, "size_in_bytes": len(report)}]}, zip_90=report, posted={"html_url": "posted"})
    job = run.job("comment", "comment")
    assert job.result == "success", job.log
    called = [json.loads(line) for line in (run.folder / "gh.log").read_text().splitlines()]
    body = run.temp / "comment.md"
    return called, body.read_text() if body.exists() else None


@test
def a_comment_is_written_once():
    run = fresh("comment")
    assert run.use(suite=suite(), args="--only */b1", out="build/ci/actions/report", artifact="").result == "success"
    record = (ROOT / "build/ci/actions/report/run.json").read_bytes()
    run = fresh("comment")
    called, body = commented(run, zipped(run, **{"run.json": record}))
    assert body.startswith("<!-- quantgate -->") and "**pass**" in body and "actions/runs/9" in body, body
    assert "POST" in called[-1] and "repos/owner/quantgate/issues/3/comments" in called[-1], called
    mine = {"id": 11, "user": {"login": "github-actions[bot]"}, "body": "<!-- quantgate -->\nold"}
    forged = {"id": 12, "user": {"login": "stranger"}, "body": "<!-- quantgate -->\nforged"}
    run = fresh("comment")
    called, _ = commented(run, zipped(run, **{"run.json": record}), existing=[forged, mine])
    assert "PATCH" in called[-1] and "repos/owner/quantgate/issues/comments/11" in called[-1], called
    for pulls in ([], [{"number": 3, "head": {"sha": "b" * 40}}]):
        run = fresh("comment")
        called, body = commented(run, zipped(run, **{"run.json": record}), pulls=pulls, branch=SHELL)
        assert body is None and len(called) == 1 and f"head=stranger:{SHELL}" in called[0], called
    assert not PWNED.exists()


@test
def a_hostile_report_is_data():
    evil = "`</td><script>alert(1)</script> @everyone [x](javascript:y) | ![i](http://e/) \n# h\n::error::x"
    record = {"suite": evil, "verdict": evil, "judgements": [
        {"case": evil, "metric": evil, "verdict": "fail", "has_value": True, "value": evil, "has_limit": True, "limit": 1e999},
        {"case": "a" * 5000, "metric": {}, "verdict": ["fail"], "has_value": True, "value": 1.5}, None, "text", 7] + [
        {"case": f"c{i}", "metric": "m", "verdict": "fail"} for i in range(500)]}
    members = {"run.json": json.dumps(record), "b__run.json": "[" * 100000, "c__run.json": "7", "..__..__x__run.json": "{}",
               "d__run.json": b"\xff\xfe", "e__run.json": " " * (70 << 20)}
    run = fresh("hostile-comment")
    _, body = commented(run, zipped(run, **members))
    assert len(body) < 20000 and "cannot be read" in body and "and 482 more" in body, body
    assert not re.search(r"[<>@\[\]!]", body.replace("<!-- quantgate -->", "").replace("[the run]", "")), body
    assert "javascript:" not in body and "\n# h" not in body
    for report in (b"", b"no zip", zipped(run, **{"other": "x"})):
        run = fresh("hostile-comment")
        _, body = commented(run, report)
        assert "cannot be read" in body


COBERTURA = """<?xml version="1.0"?>
<coverage line-rate="0.5" version="gcovr" timestamp="0"><sources><source>.</source></sources><packages><package name="src"><classes>
<class name="a_c" filename="src/a.c" line-rate="0.5"><methods/><lines>{lines}</lines></class></classes></package></packages></coverage>
"""


@test
def coverage_of_changed_lines_is_shown():
    run = fresh("coverage")
    root = run.folder / "tree"
    (root / "src").mkdir(parents=True)
    (root / "build/coverage").mkdir(parents=True)
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]

    def commit(text):
        (root / "src/a.c").write_text(text)
        subprocess.run([*git, "add", "src"], check=True)
        subprocess.run([*git, "commit", "-qm", "x"], check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    subprocess.run([*git, "init", "-q"], check=True)
    base = commit("one;\ntwo;\n")
    commit("one;\nnew;\nother;\n")
    one = {"filename": "src/a.c", "line_covered": 1, "line_total": 2}
    (root / "build/coverage/coverage.json").write_text(json.dumps({"files": [one]}))
    (root / "build/coverage/kernels.md").write_text("| kernel | ref |\n")
    # lines 2 and 3 are new: none, one of two (under 80 %), both run
    for hits, code, said in (((0, 0), 1, "0%"), ((1, 0), 1, "50%"), ((1, 1), 0, "100%")):
        lines = "".join(f'<line number="{n}" hits="{h}" branch="false"/>' for n, h in zip((1, 2, 3), (1, *hits)))
        (root / "build/coverage/cobertura.xml").write_text(COBERTURA.format(lines=lines))
        page = run.folder / "page.md"
        page.write_text("")
        done = subprocess.run([sys.executable, ROOT / "ci/coverage-summary.py"], cwd=root, capture_output=True, text=True, check=False,
                              env={**os.environ, "BASE": base, "GITHUB_STEP_SUMMARY": str(page)})
        text = page.read_text()
        assert done.returncode == code and said in text and "src/a" in text, (done.stdout, done.stderr, text)
        assert "| all | 1 | 2 | 50.0 % |" in text and "| kernel | ref |" in text and text.count("## Changed lines") == 1, text
    for hostile in (SHELL, "--output=x", ""):
        done = subprocess.run([sys.executable, ROOT / "ci/coverage-summary.py"], cwd=root, capture_output=True, text=True, check=False,
                              env={**os.environ, "BASE": hostile, "GITHUB_STEP_SUMMARY": str(page)})
        assert done.returncode == 0 and "No base is known" in page.read_text()
    assert not PWNED.exists()


# ---- the machines of one's own ----
def hook(run, name="job-started", event=None, settings=None, **variables):
    """(exit code, what it said) of a hook with GitHub's variables of a job of gpu.yml."""
    work = run.folder / "_work"
    (work / "quantgate/quantgate").mkdir(parents=True, exist_ok=True)
    (work / "quantgate/quantgate/left").write_text("of the last job")
    file = run.folder / "hooks.env"
    file.write_text(settings or f"REPOSITORIES='owner/quantgate'\nWORKFLOWS='gpu.yml nightly.yml'\nWORK='{work}'\nGPU=GPU-1\n")
    (run.folder / "event.json").write_text(json.dumps(event or {}))
    environment = {
        "PATH": f"{run.folder}/bin:{os.environ['PATH']}", "HOOK_SETTINGS": str(file), "GITHUB_REPOSITORY": "owner/quantgate",
        "GITHUB_WORKFLOW_REF": "owner/quantgate/.github/workflows/gpu.yml@refs/heads/main", "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(run.folder / "event.json"), "GITHUB_WORKSPACE": str(work / "quantgate/quantgate"), **variables}
    done = subprocess.run(["bash", "-e", ROOT / f"ci/runner/{name}.sh"], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def machine(run, computing="", answers_for="GPU-1", doctor=0):
    """A driver and a doctor in the hook's PATH."""
    for name, text in (("nvidia-smi", f"[ \"$2\" = {answers_for} ] || exit 6\ncase $3 in *apps*) printf '%s' '{computing}' ;; *) echo card ;; esac\n"),
                       ("quantgate", f"exit {doctor}\n")):
        path = run.folder / "bin" / name
        path.write_text("#!/usr/bin/env bash\n" + text)
        path.chmod(0o755)


@test
def hooks_refuse_strangers_and_clean():
    run = fresh("hooks")
    machine(run)
    left = run.folder / "_work/quantgate/quantgate/left"
    own, fork = ({"pull_request": {"head": {"repo": {"full_name": n}}}} for n in ("owner/quantgate", "stranger/quantgate"))
    for given in ({}, {"GITHUB_EVENT_NAME": "workflow_dispatch"}, {"GITHUB_EVENT_NAME": "pull_request", "event": own}):
        code, said = hook(run, **given)
        assert code == 0 and not left.exists(), said
    path = "owner/quantgate/.github/workflows/"
    for why, given in (
            ("the branch is", {"GITHUB_EVENT_NAME": "pull_request", "event": fork}),
            ("does not say where", {"GITHUB_EVENT_NAME": "pull_request"}),
            ("does not say where", {"GITHUB_EVENT_NAME": "pull_request", "event": {"pull_request": {"head": {"repo": None}}}}),
            ("takes no event", {"GITHUB_EVENT_NAME": "pull_request_target", "event": own}),
            ("takes no event", {"GITHUB_EVENT_NAME": "workflow_run"}),
            ("does not work for", {"GITHUB_REPOSITORY": "stranger/quantgate"}),
            ("does not work for", {"GITHUB_REPOSITORY": SHELL}),
            ("does not work for", {"GITHUB_REPOSITORY": "*"}),
            ("does not run", {"GITHUB_WORKFLOW_REF": path + "evil.yml@refs/pull/1/merge"}),
            ("does not run", {"GITHUB_WORKFLOW_REF": "stranger/x/.github/workflows/gpu.yml@main"}),
            ("does not run", {"GITHUB_WORKFLOW_REF": ""}),
            ("is not below", {"GITHUB_WORKSPACE": "/"}), ("is not below", {"GITHUB_WORKSPACE": str(run.folder / "_work")}),
            ("is not below", {"GITHUB_WORKSPACE": str(run.folder / "_work/../bin")}),
            ("there is no", {"HOOK_SETTINGS": str(run.folder / "none")})):
        code, said = hook(run, **given)
        assert code == 1 and why in said and left.exists(), (given, said)
    for why, state in (("computes on", {"computing": "4711"}), ("does not answer", {"answers_for": "GPU-2"}), ("doctor finds", {"doctor": 2})):
        machine(run, **state)
        code, said = hook(run)
        assert code == 1 and why in said, said
    elsewhere = run.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    (run.folder / "_work/quantgate/link").symlink_to(elsewhere)
    code, said = hook(run, name="job-completed", GITHUB_WORKSPACE=str(run.folder / "_work/quantgate/link"))
    assert code == 1 and (elsewhere / "kept").exists(), said
    code, said = hook(run, name="job-completed")
    assert code == 0 and not left.exists() and not PWNED.exists(), said


@test
def clocks_and_units():
    run = fresh("clocks")
    log = run.folder / "smi"
    (run.folder / "bin/nvidia-smi").write_text(f"#!/usr/bin/env bash\necho \"$@\" >>'{log}'\n")
    (run.folder / "bin/nvidia-smi").chmod(0o755)
    environment = {"PATH": f"{run.folder}/bin:{os.environ['PATH']}"}
    codes = [subprocess.run([ROOT / "ci/runner/clocks.sh", *a], env=environment, capture_output=True, check=False).returncode
             for a in (("set", "1410"), ("reset", ), ("set", ), ("set", "1; reboot"), ())]
    assert codes == [0, 0, 2, 2, 2], codes
    assert log.read_text().splitlines() == ["--persistence-mode=1", "--lock-gpu-clocks=1410,1410", "--reset-gpu-clocks"]
    if not shutil.which("systemd-analyze"):
        return "the units are left out, there is no systemd-analyze"
    for unit in ("quantgate-runner@.service", "quantgate-clocks.service"):
        text = (ROOT / "ci/runner" / unit).read_text()
        # what it starts is not installed here
        (run.folder / unit).write_text(re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", text, flags=re.M))
    done = subprocess.run(["systemd-analyze", "verify", "./quantgate-runner@0.service", "./quantgate-clocks.service"],
                          cwd=run.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Unknown" not in done.stderr, done.stderr
    return None


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    asked, bad, left = sys.argv[1:], 0, []
    for function in TESTS:
        if asked and function.__name__ not in asked:
            continue
        try:
            began = time.monotonic()
            why = function()
            print(f"ok    {function.__name__}, {time.monotonic() - began:.1f} s" + (f": {why}" if why else ""), flush=True)
            left += [why] if why else []
        except Exception:  # one that fails must not hide the others
            bad += 1
            print(f"FAIL  {function.__name__}\n{traceback.format_exc()[-6000:]}", flush=True)
    print(f"actions: {len(asked or TESTS)} proofs, {bad} failed" + (f", {len(left)} left out ({left[0]})" if left else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
