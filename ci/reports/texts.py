"""Forms for people: run.csv by the csv module, annotations as the runner parses them, summary.md by cmark-gfm,
report.html by html.parser. What stands in a name must be text in each."""
import csv
import html.parser
import re

import cmarkgfm
from cmarkgfm.cmark import Options
from record import BAD, clean, expect, same

NUMBERS = ("value", "limit", "low", "high", "base", "p", "p_holm", "detectable", "confidence")
MARKDOWN_TAGS = {"h2", "h3", "p", "strong", "b", "ul", "li", "a", "br", "table", "thead", "tbody", "tr", "th", "td",
                 "details", "summary", "blockquote", "pre", "code"}


def check_csv(record, path):
    with open(path, encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    judged = [r for r in rows if r["verdict"] != "measured"]
    same("csv: judgements", len(judged), len(record.judgements))
    order = [j for case in [*record.cases, None] for j in record.judged.get(case, [])]
    for row, j in zip(judged, order):
        for key in ("value", "limit", "low", "high"):
            same(f"csv: {j['case']} {j['metric']} {key}", float(row[key]) if row[key] else None,
                 j[key] if j[f"has_{key}"] else None)
        expect(f"csv: message of {j['case']}", row["message"] in (clean(j["message"]), "'" + clean(j["message"])))
    signs = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
    formulas = [(key, cell) for row in rows for key, cell in row.items()
                if cell.lstrip().startswith(signs) and key not in NUMBERS]
    same("csv: cells that are formulas", formulas, [])


def command(line):
    """A line as the runner takes it (actions/runner, ActionCommand.TryParseV2): name, properties, text."""
    line = line.lstrip()
    if not line.startswith("::") or "::" not in line[2:]:
        return None
    info, text = line[2:].split("::", 1)
    name, _, rest = info.partition(" ")
    properties = {}
    for pair in filter(None, rest.strip().split(",")):
        key, _, value = pair.partition("=")
        for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            value = value.replace(code, char)
        properties[key] = value
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, char)
    return name, properties, text


def check_annotations(record, path):
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    commands = [command(line) for line in lines]
    expect("annotations: every line is a command", all(commands), lines[:3])
    bad = [j for j in record.judgements if j["verdict"] in BAD]
    rank = {"error": 0, "fail": 1, "inconclusive": 2, "known-fail": 3}
    bad.sort(key=lambda j: rank[j["verdict"]])
    total = 0
    for level in ("error", "warning"):
        found = [c for c in commands if c[0] == level]
        wanted = [j for j in bad if bool(j["exit_class"]) == (level == "error")]
        same(f"annotations: {level}s", len(found), min(len(wanted), 10))
        total += len(found)
        shown = wanted if len(wanted) <= 10 else wanted[:9]
        for (_, properties, text), j in zip(found, shown):
            place = (properties.get("file"), properties.get("line"), properties.get("col"))
            same(f"annotations: place of {j['case']} {j['metric']}", place,
                 (clean(j["file"]), str(j["line"]), str(j["column"])) if j["file"] else (None,) * 3)
            expect(f"annotations: text of {j['case']}", text.startswith(clean(j["message"])), text)
            expect(f"annotations: title of {j['case']}",
                   properties["title"].startswith(clean(j["case"]) or "run"), properties)
        if len(wanted) > 10:
            same("annotations: the last counts the others", found[-1][1]["title"],
                 f"and {len(wanted) - 9} more, listed in the summary")
    expect("annotations: nothing else", len(commands) - total <= 1)
    expect("annotations: fewer than a job shows", len(commands) <= 50)


class Page(html.parser.HTMLParser):
    """Elements, links and text of a page, and tables whose rows are not as wide as their head."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.links, self.texts, self.ragged = set(), set(), [], [], 0
        self.head, self.cells, self.skip = None, 0, 0
        self.feed(text)
        self.text = "".join(self.texts)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.skip += tag == "style"
        if tag == "table":
            self.head = None
        if tag == "tr":
            self.cells = 0
        self.cells += tag in ("td", "th")

    def handle_endtag(self, tag):
        self.skip -= tag == "style"
        if tag == "tr":
            self.ragged += self.head is not None and self.cells != self.head
            self.head = self.head or self.cells

    def handle_data(self, data):
        if not self.skip:
            self.texts.append(data)


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


def names(record):
    """What a change may name: every text that must be seen as it is."""
    for case in record.run["cases"]:
        yield case["id"]
        yield case["model"]
    yield record.run["suite"]


def check_page(record, what, page, all_names=True):
    expect(f"{what}: links", all(re.match(r"(https?://|#|data:,$|[\w.~%-]+(/[\w.~%-]*)*(#L\d+)?$)", link)
                                 for link in page.links), page.links[:5])
    same(f"{what}: every row has the cells of its head", page.ragged, 0)
    expect(f"{what}: no handlers", not any(a.startswith("on") or a in ("style", "srcdoc") and what == "summary"
                                           for a in page.attributes), page.attributes)
    text = squeeze(page.text)
    for name in names(record) if all_names else ():
        wanted = squeeze(clean(name, lines=False))
        expect(f"{what}: '{wanted[:60]}' is text", wanted in text)


def check_summary(record, path, all_names):
    data = path.read_bytes()
    expect("summary: under 1 MiB", len(data) < 1024 * 1024, len(data))
    page = Page(cmarkgfm.github_flavored_markdown_to_html(data.decode(), options=Options.CMARK_OPT_UNSAFE))
    same("summary: elements", page.tags - MARKDOWN_TAGS, set())
    check_page(record, "summary", page, all_names)
    text = squeeze(page.text)
    for j in record.judgements if all_names else ():  # in the table of its case, and in the list of what did not pass
        place = squeeze(f"{clean(j['file'], lines=False)}:{j['line']}")
        expect(f"summary: {place} is text", not j["file"] or text.count(place) >= 1 + (j["verdict"] != "pass"))
    shown = len(re.findall("<details><summary>", data.decode())) - 1
    left = re.search(r"^(\d+) cases are left out \(([^)]*)\)", data.decode(), re.M)
    n_left = int(left.group(1)) if left else 0
    same("summary: cases shown and left out", shown + n_left, len(record.cases))
    if left:
        same("summary: counts of those left out", sum(int(n) for n in re.findall(r"\d+", left.group(2))), n_left)
    bad = [c for c, js in record.judged.items() if c and any(j["verdict"] in ("error", "fail") for j in js)]
    for case in bad[:20]:
        expect(f"summary: the worst are shown: {case}", squeeze(clean(case, lines=False)) in squeeze(page.text))


def check_html(record, path, elements, all_names):
    page = Page(path.read_text(encoding="utf-8"))
    if elements is not None:
        same("html: elements", page.tags - elements, set())
    expect("html: no scripts", not page.tags & {"script", "img", "iframe", "object", "embed", "svg"}, page.tags)
    check_page(record, "html", page, all_names)
    return page.tags


def check(record, folder, elements=None, all_names=True):
    """Returns the elements of the page, so that another record's can be held against them."""
    check_csv(record, folder / "run.csv")
    check_annotations(record, folder / "annotations.txt")
    check_summary(record, folder / "summary.md", all_names)
    return check_html(record, folder / "report.html", elements, all_names)
