/* One metric over the runs of a suite: a line a case, with its interval, budget, baseline, and the
 * points where its level changed for good. */
"use strict";

QG.views.push({
    name: "trends",
    title: "Trends",
    draw(box, query) {
        box.append(...QG.title("Trends", "One metric over the runs of a suite."));
        QG.withSuite(box, query, (entry, data) => drawTrend(box, query, entry, data));
    },
});

function drawTrend(box, query, entry, data) {
    const metrics = QG.data.get("site").metrics;
    const present = QG.unique(data.series.map((s) => s.metric)).sort((a, b) => a - b);
    if (!present.length) {
        box.append(QG.choices(QG.chooseSuite(entry)), QG.empty("This suite measured nothing yet."));
        return;
    }
    const wanted = present.find((m) => metrics[m].name === query.get("metric"));
    const usual = present.find((m) => metrics[m].name === "tpot_p50");
    const metric = [wanted, usual, present[0]].find((m) => m !== undefined);
    const all = data.series.filter((s) => s.metric === metric).sort(QG.byModel(entry, data));
    const runs = QG.chosenRuns(data, query);
    const chosen = chosenFilters(all, query);
    const one = all.some((s) => s.case === query.get("case")) ? query.get("case") : "";
    const fits = (s) => one ? s.case === one : chosen.every((c) => !c.value || c.of(s) === c.value);
    const shown = all.filter(fits);
    const zero = query.get("zero") === "1";
    box.append(QG.choices(
        QG.chooseSuite(entry),
        QG.choice("metric", "Metric", present.map((m) => [metrics[m].name, metrics[m].name]),
                  metrics[metric].name),
        chosen.map((c) => c.list.length > 1 &&
                       QG.choice(c.key, c.label, [["*", "all"], ...c.list.map((v) => [v, v])],
                                 c.value || "*")),
        QG.chooseRuns(data, runs), QG.tick("zero", "from zero", zero)));
    if (one)
        box.append(QG.make(
            "p", {class: "note"}, "Only the case ", QG.make("code", {}, one), ". ",
            QG.make("a", {href: QG.address("trends", {...Object.fromEntries(query), case: ""})},
                    "Show all cases")));
    const lines = shown.map((s) => ({series: s, points: QG.points(data, s, runs.keeps)}))
                      .filter((l) => l.points.length);
    if (!lines.length) {
        box.append(QG.empty(
            "No run fits these choices.",
            QG.make("a",
                    {href: QG.address("trends", {suite: entry.name, metric: metrics[metric].name})},
                    "Take the choices back"),
            "."));
        return;
    }
    lines.forEach((l, i) => {
        l.name = QG.seriesName(l.series, shown);
        l.style = QG.lineStyle(i);
    });
    box.append(trendCard(entry, data, metrics[metric], lines, zero));
    box.append(changesCard(data, metrics[metric], lines, runs));
}

/* The filters with the values that the series have, and the one that the address chooses; "" is
 * all. Batches are shown one at a time, the least first, unless all ("*") are asked for. */
function chosenFilters(series, query) {
    return QG.filters.map(([key, label, of]) => {
        const list = QG.unique(series.map(of)).filter((v) => v !== "");
        if (key === "batch")
            list.sort((a, b) => a - b);
        const wanted = query.get(key) || (key === "batch" ? list[0] : "");
        return {key, label, of, list, value: list.includes(wanted) ? wanted : ""};
    });
}

function trendCard(entry, data, metric, lines, zero) {
    const drawn = lines.slice(0, QG.mostLines);
    const order =
        QG.unique(drawn.flatMap((l) => l.points.map((p) => p.index))).sort((a, b) => a - b);
    const range = "runs of " + QG.day(data.runs[order[0]].at) + " to " +
        QG.day(data.runs[order[order.length - 1]].at);
    const label = metric.name + " over " + QG.plural(order.length, "run") + ", " +
        drawn.map((l) => l.name).join(", ") + ".";
    const hidden = lines.length - drawn.length;
    return QG.card(
        QG.make("h2", {},
                metric.name + (metric.unit === "plain" && metric.word ? " in " + metric.word : "")),
        QG.make("p", {class: "soft"},
                metric.text + ". " + (metric.cost ? "Less is better." : "More is better.")),
        legend(metric, drawn),
        hidden > 0 &&
            QG.make(
                "p", {class: "note"},
                QG.plural(hidden, "case") + " more fit; choose a model or a batch to see them."),
        QG.chart(label, QG.trendConfig(data, metric, drawn, order, zero),
                 (point) => QG.runName(data, point.point.index) + ": " + QG.told(metric, point)),
        QG.make("p", {class: "soft small"}, range + ", in their order. " + kept(entry)),
        QG.lateTable("These numbers as a table", () => trendTable(data, metric, lines)));
}

const kept = (entry) => entry.n_kept < entry.n_runs ?
    "These pages hold the newest " + entry.n_kept + " of " + entry.n_runs + " runs (--last)." :
    "";

function legend(metric, lines) {
    const sight = QG.sight(lines);
    const keys = lines.map(
        (l, i) => QG.make("li", {}, swatch(l.style),
                          QG.make("span", {}, QG.make("b", {}, l.name),
                                  " " + QG.print(metric, l.points[l.points.length - 1].value),
                                  lastLimit(metric, l, sight))));
    const has = (key) => lines.some((l) => l.points.some((p) => p[key] !== null));
    const sees = (key) =>
        lines.some((l) => l.points.some((p) => p[key] !== null && sight.sees(p[key])));
    const bad = (verdict) => lines.some((l) => l.points.some((p) => p.verdict === verdict));
    const signs = [
        has("low") && "band: the interval of the value",
        sees("limit") && "thin dashes: the budget",
        sees("base") && "dots: the baseline",
        sees("anchor") && "long dots: the anchor that it must not drift from",
        bad(1) && "✗ failed",
        bad(2) && "△ inconclusive",
    ].filter(Boolean);
    return [
        QG.make("ul", {class: "legend"}, keys),
        signs.length > 0 && QG.make("p", {class: "soft small"}, signs.join(" · "))
    ];
}

function swatch(style) {
    const path = QG.make("path", {
        d: "M0 6H26",
        "stroke-dasharray": style.dash.join(" ") || null,
        fill: "none",
        "stroke-width": 2.5
    });
    path.style.stroke = style.colour;
    return QG.make("svg", {width: 26, height: 12, viewBox: "0 0 26 12", "aria-hidden": "true"},
                   path);
}

function lastLimit(metric, line, sight) {
    const last = [...line.points].reverse().find((p) => p.limit !== null);
    const far = last && !sight.sees(last.limit);
    return last &&
        QG.make("span", {class: "soft"},
                ", budget " + (metric.cost ? "at most " : "at least ") +
                    QG.print(metric, last.limit) + (far ? " (far outside the picture)" : ""));
}

/* Change points of the lines shown, oldest first, one number for those at one run. */
QG.numberChanges = function(data, lines) {
    const changes = lines.flatMap((l) => (l.series.changes || [])
                                             .filter((c) => l.points.some((p) => p.index === c.run))
                                             .map((c) => ({
                                                      ...c,
                                                      name: l.name,
                                                      at: data.runs[c.run].at,
                                                      commit: data.runs[c.run].commit
                                                  })));
    changes.sort((a, b) => a.run - b.run);
    const runs = QG.unique(changes.map((c) => c.run));
    changes.forEach((c) => {
        c.number = String(runs.indexOf(c.run) + 1);
    });
    return changes;
};

function changesCard(data, metric, lines, runs) {
    const card = QG.card(QG.make("h2", {}, "Change points"));
    const changes = QG.numberChanges(data, lines);
    card.append(QG.make(
        "p", {class: "soft"},
        "Where the level changed for good, found by E-divisive (Matteson and James 2014) in the runs of one machine and branch" +
            (runs.machine === "*" || runs.branch === "*" ? "; several are shown here." : ".")));
    if (!changes.length)
        card.append(QG.make("p", {}, "None: these numbers keep their level."));
    else
        card.append(
            QG.table("Change points of " + metric.name,
                     [
                         {name: "No.", cell: (c) => c.number},
                         {name: "Since", cell: (c) => QG.when(c.at)},
                         {name: "Commit", cell: (c) => QG.commit(c.commit, data.commit_url)},
                         {name: "Case", cell: (c) => c.name},
                         ...QG.changeColumns(() => metric),
                         {
                             name: "Compare",
                             cell: (c) => c.run > 0 &&
                                 QG.make("a",
                                         {
                                             href: QG.address("compare",
                                                              {
                                                                  suite: data.name,
                                                                  a: QG.runBefore(data, c.run),
                                                                  b: c.run
                                                              }),
                                             "aria-label":
                                                 "compare both sides of change " + c.number
                                         },
                                         "both sides")
                         },
                     ],
                     changes));
    return card;
}

/* The newest run before this one on the same machine and branch, else the one before it. */
QG.runBefore = function(data, run) {
    for (let i = run - 1; i >= 0; i--)
        if (data.runs[i].machine === data.runs[run].machine &&
            data.runs[i].branch === data.runs[run].branch)
            return i;
    return Math.max(0, run - 1);
};

function trendTable(data, metric, lines) {
    const rows = lines.flatMap((l) => l.points.map((p) => ({l, p})));
    rows.sort((a, b) => b.p.index - a.p.index);
    return QG.table(
        metric.name + " of every run shown, newest first",
        [
            {name: "Run", cell: (r) => QG.minute(r.p.run.at)},
            {name: "Commit", cell: (r) => QG.commit(r.p.run.commit, data.commit_url)},
            {name: "Case", cell: (r) => r.l.name},
            {name: "Value", number: true, cell: (r) => QG.print(metric, r.p.value)},
            {name: "Interval", cell: (r) => QG.range(metric, r.p.low, r.p.high)},
            {name: "Budget", number: true, cell: (r) => QG.print(metric, r.p.limit)},
            {name: "Baseline", number: true, cell: (r) => QG.print(metric, r.p.base)},
            {name: "Anchor", number: true, cell: (r) => QG.print(metric, r.p.anchor)},
            {name: "Verdict", cell: (r) => r.p.verdict === null ? "–" : QG.verdict(r.p.verdict)},
        ],
        rows);
}
