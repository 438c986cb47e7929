"""The dashboard in a real Chromium: what it shows is what records.py made, and it is usable. ci/browser.sh runs it.

usage: pages.py CHROMIUM SITE HOSTILE EMPTY [TEST...]          three dashboards, as folders; tests by name, else all
"""
import pathlib
import shutil
import sys
import tempfile
import traceback

from playwright.sync_api import sync_playwright

import checks
import records

VIEWS = ["overview", "trends", "compare", "methods", "coverage", "noise", "known"]
TITLES = ["Overview", "Trends", "Compare", "Methods", "Coverage", "Noise floors", "Known failures"]
NOW = "2026-02-02T00:00:00Z"

tests = []


def test(function):
    tests.append(function)
    return function


class Bench:
    """A browser, and pages of it that are watched: what they ask for, complain of, and throw."""

    def __init__(self, browser, site, hostile, empty):
        self.browser, self.site, self.hostile, self.empty = browser, site, hostile, empty
        self.trouble = []

    def page(self, site=None, width=1200, theme="light", **more):
        context = self.browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **more)
        context.route("**/*", self.only_files)
        page = context.new_page()
        page.clock.set_fixed_time(NOW)
        page.on("console", lambda m: self.trouble.append(f"console: {m.text}") if m.type != "log" else None)
        page.on("pageerror", lambda e: self.trouble.append(f"thrown: {e}"))
        page.site = pathlib.Path(site or self.site).resolve()
        return page

    def only_files(self, route):
        if route.request.url.startswith("file://"):
            route.continue_()
        else:
            self.trouble.append(f"asked for {route.request.url}")
            route.abort()

    def close(self):
        for context in self.browser.contexts:
            context.close()
        trouble, self.trouble = self.trouble, []
        assert not trouble, trouble


def go(page, address):
    """An address, as one that was typed: a new document each time."""
    page.goto("about:blank")
    page.goto(page.site.as_uri() + "/index.html#" + address)
    page.wait_for_selector("h1")
    settle(page)
    return page


def turn(page, address):
    """An address in the document that is open, as by a link: quicker."""
    page.evaluate("(hash) => { location.hash = hash; }", address)
    until(page, f"document.getElementById('main').dataset.view === '{address.split('?')[0]}'")
    settle(page)


def until(page, condition):
    """Waits until an expression is true of the page, whose policy forbids Playwright's own way of waiting."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never: {condition}")


def settle(page):
    # a click changes the address at once, and the page when it is told; without data it is never told
    until(page, "(document.getElementById('main').dataset.shown ?? location.hash) === location.hash")
    until(page, "!document.querySelector('.waiting')")
    until(page, "[...document.querySelectorAll('canvas')].every((c) => Chart.getChart(c))")


def texts(page, selector):
    return [text.strip() for text in page.locator(selector).all_inner_texts()]


def rows(page, caption):
    """Cells of a table as lists of texts."""
    table = page.get_by_role("table", name=caption)
    table.wait_for()
    return [[cell.strip() for cell in row.locator("th,td").all_inner_texts()]
            for row in table.locator("tbody tr").all()]


def choose(page, name, value):
    page.locator(f"#choose-{name}").select_option(value)
    settle(page)


def label(page):
    return page.locator("canvas").first.get_attribute("aria-label")


def equal(a, b):
    assert a == b, f"{a!r} is not {b!r}"


# ---- every view ----

@test
def every_view_is_whole(bench):
    for theme in ("light", "dark"):
        page = go(bench.page(theme=theme), "overview")
        for view, title in zip(VIEWS, TITLES):
            turn(page, "compare?all=1" if view == "compare" else view)
            equal(texts(page, "h1"), [title])
            equal(checks.everywhere(page), [])
            assert page.locator("main table").count() > 0, f"{view} has no table"
            for details in page.locator("details").all():
                details.locator("summary").click()
            equal(checks.everywhere(page), [])


@test
def every_view_fits_a_phone(bench):
    for site in (bench.site, bench.hostile, bench.empty):
        page = go(bench.page(site, width=360), "overview")
        for view in VIEWS:
            turn(page, view)
            assert page.evaluate(checks.OVERFLOW) <= 0, f"{view} of {site} is wider than 360 px"
            for chart in page.locator("canvas").all():
                assert chart.bounding_box()["width"] > 200


@test
def charts_are_drawn(bench):
    page = bench.page()
    for view, n in (("trends", 1), ("methods", 1), ("coverage", 1)):
        go(page, view)
        equal(page.locator("canvas").count(), n)
        assert page.locator("canvas").evaluate(checks.DRAWN) > 20


@test
def nothing_is_asked_of_others(bench):
    page = go(bench.page(), "overview")
    refused = page.evaluate("fetch('https://example.com/').then(() => 'answered', () => 'refused')")
    equal(refused, "refused")
    assert any("Content Security Policy" in t for t in bench.trouble), bench.trouble
    assert not any("asked for" in t for t in bench.trouble), bench.trouble
    bench.trouble.clear()


# ---- overview ----

@test
def overview_tells_the_last_run(bench):
    page = go(bench.page(), "overview")
    card = page.locator("[data-suite=gate]")
    equal(card.locator(".badge").inner_text(), "✗ fail")
    assert "2026-02-01" in card.inner_text() and "12 hours ago" in card.inner_text()
    equal(card.locator("code a, a code").first.inner_text(), records.commit(records.RUNS - 1)[:12])
    equal(texts(page, "[data-suite=gate] .counts li"), ["✓ 9 pass", "✗ 2 fail", "? 1 inconclusive", "◆ 1 known-fail"])
    states = [item["state"] for item in records.TEMPLATE["checklist"]["items"]]
    done, asked = states.count("done") + states.count("waived"), len(states) - states.count("not asked")
    assert f"{done} of {asked} done" in card.inner_text()
    assert "Last 40 runs: 39 pass, 1 fail" in card.locator(".strip").get_attribute("aria-label")
    bad = rows(page, "Judgements of the last runs")
    equal([row[3] for row in bad], ["✗ fail", "✗ fail", "? inconclusive"])
    equal(bad[0][:3] + bad[0][4:], ["gate", "fp16/perf/b1", "tpot_p50", "tpot_p50 is over its budget"])
    moved = rows(page, "Newest change points")
    equal(len(moved), 1)
    assert moved[0][2].startswith("awq/perf/b"), moved
    equal(moved[0][7:], ["▼ worse", "1 number more", records.commit(records.STEP)[:12]])


@test
def links_lead_on(bench):
    page = go(bench.page(), "overview")
    href = page.locator("[data-suite=gate] a:has(code)").first.get_attribute("href")
    equal(href, "https://example.com/commit/" + records.commit(records.RUNS - 1))
    page.get_by_role("link", name="gate", exact=True).click()
    settle(page)
    equal(texts(page, "h1"), ["Trends"])
    page.get_by_role("link", name="Methods").click()
    settle(page)
    equal(page.locator("#choose-suite").input_value(), "gate")
    page.go_back()
    settle(page)
    equal(texts(page, "h1"), ["Trends"])
    go(page, "overview")
    page.get_by_role("table", name="Judgements of the last runs").get_by_role("link").first.click()
    settle(page)
    assert "Only the case fp16/perf/b1" in page.inner_text("main")
    page.get_by_role("link", name="Show all cases").click()
    settle(page)
    equal(page.locator(".legend li").count(), 4)


# ---- trends ----

@test
def trends_show_what_was_measured(bench):
    page = go(bench.page(), "trends?suite=gate&metric=tpot_p50&model=awq&batch=1")
    equal(page.locator(".legend li").count(), 1)
    page.get_by_text("These numbers as a table").click()
    table = rows(page, "tpot_p50 of every run")
    shown = [run for run in range(records.RUNS) if not records.is_next(run)]
    equal(len(table), len(shown))
    for row, run in zip(table, reversed(shown)):
        value = float(f"{records.tpot('awq', run):.4g}") / 1e6
        equal(row[3], f"{value:g} ms")
        equal(row[1], records.commit(run)[:12])
        equal(row[5], "8 ms")
    assert "to" in table[0][4] and table[0][4].endswith("ms")


@test
def baselines_and_budgets_are_told(bench):
    page = go(bench.page(), "trends?suite=gate&metric=tpot_p50&model=fp16")
    text = page.locator("main").inner_text()
    assert "dots: the baseline" in text and "long dots: the anchor" in text and "budget at most 16 ms" in text
    page.get_by_text("These numbers as a table").click()
    row = rows(page, "tpot_p50 of every run")[0]
    equal(row[5:], ["16 ms", "8 ms", "7.5 ms", "✗ fail"])
    choose(page, "batch", "4")  # which was held to no other run
    assert "baseline" not in page.locator(".legend").locator("..").inner_text()


@test
def filters_change_the_chart(bench):
    page = go(bench.page(), "trends")
    equal(page.locator("#choose-metric").input_value(), "tpot_p50")
    equal(page.locator("#choose-branch").input_value(), "main")
    equal(page.locator(".legend li").count(), 4)
    first, picture = label(page), page.locator("canvas").evaluate("(c) => c.toDataURL()")
    choose(page, "metric", "weights")
    assert label(page) != first and page.locator("canvas").evaluate("(c) => c.toDataURL()") != picture
    assert "metric=weights" in page.url
    choose(page, "batch", "*")
    equal(page.locator(".legend li").count(), 8)
    choose(page, "model", "int8")
    equal(page.locator(".legend li").count(), 2)
    assert "int8" in label(page) and "fp16" not in label(page)
    choose(page, "metric", "memory_peak")  # of the text as well: more cases than lines are told apart
    choose(page, "model", "*")
    equal(page.locator(".legend li").count(), 8)
    assert "4 cases more fit" in page.inner_text("main")
    choose(page, "metric", "weights")
    choose(page, "method", "gptq")
    equal(page.locator(".legend li").count(), 2)
    choose(page, "branch", "next")
    assert "No run fits these choices" in page.inner_text("main"), "next ran on the other machine alone"
    choose(page, "machine", "beefbeefbeef")
    assert f"over {sum(map(records.is_next, range(records.RUNS)))} runs" in label(page)
    choose(page, "machine", "*")
    choose(page, "branch", "*")
    assert f"over {records.RUNS} runs" in label(page)
    page.locator("#choose-zero").check()
    assert "zero=1" in page.url


@test
def an_address_is_a_view(bench):
    page = go(bench.page(), "trends?suite=gate&metric=kld_mean&model=gptq")
    equal(page.locator("#choose-model").input_value(), "gptq")
    assert "0.01563 nats" in page.locator(".legend").inner_text()
    page.reload()
    settle(page)
    equal(page.locator("#choose-metric").input_value(), "kld_mean")
    choose(page, "model", "awq")
    page.go_back()
    settle(page)
    equal(page.locator("#choose-model").input_value(), "gptq")
    for nonsense in ("trends?suite=none&metric=none&model=none&batch=x&machine=x&branch=x", "nowhere", "compare?a=-1&b=1e9",
                     "methods?run=x&x=__proto__&y=constructor&batch=%00", "trends?metric=" + "x" * 5000):
        go(page, nonsense)
        assert page.locator("main .card").count() > 0, nonsense


@test
def change_points_are_marked(bench):
    page = go(bench.page(), "trends?suite=gate&metric=tpot_p50&batch=1")
    found = rows(page, "Change points of tpot_p50")
    equal(len(found), 1)
    no, _, commit, name, before, after, change, means, _ = found[0]
    # the ninth of ten runs is on another machine, so the step may be seen at STEP or the next run but no other
    equal((no, name, means), ("1", "awq · batch 1", "▼ worse"))
    equal(commit, records.commit(records.STEP)[:12])
    assert abs(float(before.split()[0]) - 4) < 0.02 and abs(float(after.split()[0]) - 4.4) < 0.02, found
    assert 9 < float(change.strip("+ %")) < 11
    page.get_by_role("link", name="compare both sides of change 1").click()
    settle(page)
    table = rows(page, "What changed from A to B")
    equal([(row[0], row[1], row[5]) for row in table], [("awq/perf/b1", "tpot_p50", "▼ worse"), ("awq/perf/b4", "tpot_p50", "▼ worse")])


# ---- compare ----

@test
def compare_tells_better_from_worse(bench):
    page = go(bench.page(), f"compare?suite=gate&a={records.STEP - 2}&b={records.STEP}")
    assert "2 numbers worse, 0 better" in page.inner_text("main")
    first = rows(page, "What changed from A to B")[0]
    equal((first[5], first[6]), ("▼ worse", "intervals do not overlap"))
    page.get_by_role("link", name="Swap A and B").click()
    settle(page)
    assert "0 numbers worse, 2 better" in page.inner_text("main")
    choose(page, "model", "gptq")
    assert "Nothing changed beyond its interval" in page.inner_text("main")
    page.locator("#choose-all").check()
    equal({row[5] for row in rows(page, "What changed from A to B")}, {"~ not told apart", "= same"})
    choose(page, "a", "9")
    assert "different machines" in page.inner_text("main")


# ---- methods ----

@test
def methods_stand_side_by_side(bench):
    page = go(bench.page(), "methods?suite=gate")
    table = {row[0].split()[0]: row for row in rows(page, "Models of the run side by side")}
    equal(sorted(table), sorted(records.MODELS))
    assert table["gptq"][1] == "gptq, 4 bit, groups of 64" and table["gptq"][2].startswith("3 MiB"), table["gptq"]
    assert "0.38x" in table["gptq"][2] and "(reference)" in table["fp16"][0]
    assert table["gptq"][3].startswith("4 MiB"), table["gptq"]  # of batch 1, not of the text
    equal(table["fp16"][4], "0 nats by definition")
    assert page.locator("#choose-batch").input_value() == "1"
    # by hand: of equal weights awq has the less KL; fp16 alone has none, int8 lies between
    front = {row[0]: row[-2] for row in rows(page, "Models and the Pareto front")}
    equal(front, {"fp16": "yes", "int8": "yes", "gptq": "no", "awq": "yes"})
    assert label(page).split("On the front: ")[1].startswith("fp16, int8, awq.")
    choose(page, "y", "memory_peak")
    front = {row[0]: row[-2] for row in rows(page, "Models and the Pareto front")}
    equal(front, {"fp16": "no", "int8": "no", "gptq": "yes", "awq": "yes"})
    assert "y=memory_peak" in page.url


# ---- coverage, noise, known failures ----

@test
def coverage_is_a_trend_and_a_table(bench):
    page = go(bench.page(), "coverage")
    equal(texts(page, ".big")[0], "70.0 %")
    page.get_by_text("These numbers as a table").click()
    equal([row[1] for row in rows(page, "Coverage of every summary")], ["70.0 %", "60.0 %"])
    equal([row[0] for row in rows(page, "Coverage of every file")][0], "src/a.c")
    page.get_by_role("button", name="Lines covered").click()
    equal([row[2] for row in rows(page, "Coverage of every file")], ["50", "10"])
    page.get_by_role("button", name="Lines covered").click()
    equal([row[2] for row in rows(page, "Coverage of every file")], ["10", "50"])
    equal(page.locator("th[aria-sort]").get_attribute("aria-sort"), "descending")
    equal(rows(page, "Shapes proved of each kernel"), [["rmsnorm", "2", "✓ 2", "✓ 1"], ["w4", "1", "✓ 1", "–"]])
    page.get_by_text("Every shape").click()
    equal(rows(page, "Every kernel and shape")[1], ["rmsnorm", "3x7", "✓ proved", "– none"])


@test
def noise_floors_are_shown(bench):
    page = go(bench.page(), "noise")
    table = rows(page, "Noise floors of gate")
    equal(len(table), 1)
    equal(table[0][:2] + table[0][3:4], ["fp16/perf/b1", "tpot_p50", "±3.0 %"])


@test
def expired_failures_are_red(bench):
    page = go(bench.page(), "known")
    table = rows(page, "Known failures of the last runs")
    equal([row[5] for row in table], ["✗ expired 17 days ago", "✓ 333 days"])
    assert "1 entry expired" in page.inner_text("main")
    equal(page.get_by_role("link", name="example.com/issues/1").get_attribute("href"), "https://example.com/issues/1")
    equal(page.get_by_text("javascript:pwned=1").evaluate("(e) => e.closest('a')"), None)


# ---- without a mouse ----

@test
def the_keyboard_goes_everywhere(bench):
    page = go(bench.page(), "trends?suite=gate")
    page.keyboard.press("Tab")
    equal(page.evaluate("document.activeElement.textContent"), "Skip to the content")
    until(page, "document.querySelector('.jump').getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    equal(page.evaluate("document.activeElement.id"), "main")
    assert "#trends" in page.url, "the address of the view stays"
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert seen[-1] == "BODY" or outline != "none", f"{seen[-1]} does not show its focus"
        if seen[-1] == "BODY":
            break
    for wanted in ("choose-suite", "choose-metric", "choose-model", "choose-zero", "CANVAS", "SUMMARY"):
        assert wanted in seen, f"{wanted} is not reached: {seen}"


@test
def choices_keep_the_focus(bench):
    page = go(bench.page(), "trends?suite=gate")
    page.locator("#choose-model").focus()
    page.keyboard.press("ArrowDown")
    until(page, "location.hash.includes('model=fp16')")
    settle(page)
    equal(page.evaluate("document.activeElement.id"), "choose-model")
    equal(page.locator("#choose-model").input_value(), "fp16")
    equal(page.locator(".legend li").count(), 1)
    page.locator("#choose-suite").focus()
    page.keyboard.press("ArrowDown")
    until(page, "document.activeElement.id === 'choose-suite' && document.activeElement.value === 'other'")
    settle(page)


@test
def points_are_read_out(bench):
    page = go(bench.page(), "trends?suite=gate&metric=tpot_p50&model=int8")
    page.locator("canvas").focus()
    page.keyboard.press("End")
    said = page.locator("#said").inner_text()
    assert "2026-02-01 12:00 UTC" in said and "int8 · batch 1: " in said and "budget 12 ms" in said, said
    page.keyboard.press("ArrowLeft")
    assert "2026-02-01 00:00 UTC" in page.locator("#said").inner_text()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#said").inner_text() != said
    page.keyboard.press("Escape")


@test
def a_view_begins_at_its_title(bench):
    page = go(bench.page(), "overview")
    page.get_by_role("link", name="Noise").focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'title'")
    equal(page.locator("#said").inner_text(), "Noise")
    equal(page.title().split(" · ")[0], "Noise")


# ---- looks ----

@test
def light_and_dark(bench):
    ground = "getComputedStyle(document.body).backgroundColor"
    page = go(bench.page(), "trends")
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    until(page, f"{ground} !== '{light}'")
    dark = page.evaluate(ground)
    page.locator("#theme").select_option("light")
    equal(page.evaluate(ground), light)
    page.reload()
    settle(page)
    equal(page.evaluate(ground), light)
    page.locator("#theme").select_option("dark")
    equal(page.evaluate(ground), dark)
    page.locator("#theme").select_option("auto")
    page.emulate_media(color_scheme="light")
    until(page, f"{ground} === '{light}'")


@test
def paper_and_stillness(bench):
    page = go(bench.page(reduced_motion="reduce"), "trends")
    equal(page.evaluate("getComputedStyle(document.querySelector('.jump')).transitionDuration"), "0s")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible() and not page.locator(".choices").first.is_visible()
    assert page.locator("canvas").is_visible()


# ---- names that would be more than names, and what is not there ----

@test
def hostile_names_stay_text(bench):
    page = bench.page(bench.hostile)
    shown = records.HOSTILE.replace("\u2028", " ").split("__proto__")[0].strip()
    for view in VIEWS:
        go(page, view)
        for details in page.locator("details").all():
            details.locator("summary").click()
        equal(page.evaluate("typeof window.pwned"), "undefined")
        equal(page.evaluate("document.querySelectorAll('main img, main script, main [onerror], main [onload]').length"), 0)
        equal(page.evaluate("({}).polluted === undefined && Object.prototype.toString.call({})"), "[object Object]")
        equal([h for h in page.evaluate(checks.LINKS)], [])
        if view not in ("coverage", "noise"):
            assert shown in page.locator("main").inner_text().replace("\n", " ") + page.locator("main").text_content(), view
    go(page, "trends")
    for name in ("suite", "model", "method"):
        if page.locator(f"#choose-{name} option", has_text=shown).count():
            choose(page, name, page.locator(f"#choose-{name} option", has_text=shown).first.get_attribute("value"))
    assert page.locator("canvas").count() == 1
    equal(page.evaluate("typeof window.pwned"), "undefined")


@test
def an_empty_history_says_what_to_do(bench):
    page = go(bench.page(bench.empty), "overview")
    for view in VIEWS:
        turn(page, view)
        equal(checks.everywhere(page), [])
        if view in ("overview", "trends", "compare", "methods"):
            assert "quantgate run SUITE --history" in page.inner_text("main"), view
        assert page.locator(".empty").count() > 0, view


@test
def missing_data_are_told(bench):
    with tempfile.TemporaryDirectory() as folder:
        site = shutil.copytree(bench.site, pathlib.Path(folder) / "site")
        (site / "data/suite-0.js").unlink()
        page = bench.page(site)
        page.goto(site.as_uri() + "/index.html#trends")
        page.wait_for_selector("text=The data of this suite are missing")
        shutil.rmtree(site / "data")
        page.goto("about:blank")
        page.goto(site.as_uri() + "/index.html")
        page.wait_for_selector("text=The data are missing")
    assert all("ERR_FILE_NOT_FOUND" in t for t in bench.trouble), bench.trouble
    bench.trouble.clear()


def main():
    chromium, sites, names = sys.argv[1], sys.argv[2:5], sys.argv[5:]
    chosen = [one for one in tests if not names or one.__name__ in names]
    failed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        print(f"chromium {browser.version}")
        for one in chosen:
            bench = Bench(browser, *sites)
            try:
                one(bench)
                bench.close()
                print(f"  passed  {one.__name__}")
            except Exception:  # each test stands alone: what failed is told, the others run
                failed += 1
                print(f"  FAILED  {one.__name__}\n{traceback.format_exc()}")
                for context in browser.contexts:
                    context.close()
        browser.close()
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
