"""junit.xml, read by junitparser, and its shape beside a file that pytest writes."""
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import junitparser
from record import clean, expect, same

PYTEST = '''
import pytest

@pytest.fixture(scope="session", autouse=True)
def machine(record_testsuite_property):
    record_testsuite_property("cpu", "x")

@pytest.fixture
def broken():
    raise RuntimeError("x")

def test_pass(record_property):
    print("out")
    record_property("value", 1)

def test_fail():
    assert 1 == 2

def test_skip():
    pytest.skip("why")

def test_error(broken):
    pass
'''


def shape(path):
    """(parent, element, attributes) of a file, and the order of children in a testcase."""
    found, orders = {}, set()

    def walk(parent, node):
        found.setdefault((parent, node.tag), set()).update(node.attrib)
        children = [c.tag for c in node]
        orders.update((a, b) for i, a in enumerate(children) for b in children[i + 1:] if a != b)
        for child in node:
            walk(node.tag, child)

    walk("", ElementTree.parse(path).getroot())
    return found, orders


def check_shape(path):
    with tempfile.TemporaryDirectory() as folder:
        test, written = pathlib.Path(folder, "test_shape.py"), pathlib.Path(folder, "pytest.xml")
        test.write_text(PYTEST)
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o",
                        "junit_logging=system-out", f"--junit-xml={written}", test],
                       cwd=folder, stdout=subprocess.DEVNULL, check=False)
        theirs, their_orders = shape(written)
    ours, our_orders = shape(path)
    for (parent, tag), attributes in theirs.items():
        expect(f"junit: <{tag}> in <{parent}> as pytest has it", (parent, tag) in ours)
        same(f"junit: attributes of <{tag}>", attributes - ours.get((parent, tag), set()), set())
    for first, second in their_orders:
        expect(f"junit: <{first}> before <{second}>",
               (second, first) not in our_orders or (second, first) in their_orders)


def kind(j):
    if j["verdict"] == "pass":
        return None
    if j["verdict"] == "error":
        return junitparser.Error
    return junitparser.Failure if j["exit_class"] else junitparser.Skipped


def check_case(case, j):
    name = f"junit: {j['case']} {j['metric']}"
    wanted = kind(j)
    same(f"{name}: outcome", [type(r) for r in case.result], [wanted] if wanted else [])
    if wanted:
        message = clean(j["message"])
        expect(f"{name}: message", (case.result[0].message or "").startswith(message.split("...")[0]),
               case.result[0].message)
    properties = {p.name: p.value for ps in case.iterchildren(junitparser.Properties) for p in ps}
    for key in ("value", "limit", "low", "high"):
        expect(f"{name}: {key}", (key in properties) == j[f"has_{key}"]
               and (key not in properties or float(properties[key]) == j[key]), properties)


def check(record, path):
    xml = junitparser.JUnitXml.fromfile(path)
    suites = list(xml)
    wanted = list(record.cases) + (["run"] if None in record.judged else [])
    same("junit: suites", [s.name for s in suites], [clean(w) for w in wanted])
    kinds = [kind(j) for j in record.judgements]
    bare = [c for c in record.cases if c not in record.judged]
    same("junit: tests", xml.tests, len(kinds) + len(bare))
    same("junit: failures", xml.failures, kinds.count(junitparser.Failure))
    same("junit: errors", xml.errors, kinds.count(junitparser.Error))
    same("junit: skipped", xml.skipped, kinds.count(junitparser.Skipped))
    for suite, case_id in zip(suites, list(record.cases) + [None]):
        judged = record.judged.get(case_id, [])
        same(f"junit: {case_id}: tests listed", len(list(suite)), max(len(judged), 1))
        same(f"junit: {case_id}: tests counted", suite.tests, max(len(judged), 1))
        for case, j in zip(suite, judged):
            check_case(case, j)
