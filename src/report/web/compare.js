/* Two runs of a suite side by side, worst first. Two intervals that overlap do not tell values
 * apart; exact numbers do. */
"use strict";

QG.views.push({
    name: "compare",
    title: "Compare",
    draw(box, query) {
        box.append(...QG.title("Compare", "What changed from run A to run B, worst first."));
        QG.withSuite(box, query, (entry, data) => drawComparison(box, query, entry, data));
    },
});

function drawComparison(box, query, entry, data) {
    const index = (text, usual) =>
        /^\d+$/.test(text || "") && Number(text) < data.runs.length ? Number(text) : usual;
    const b = index(query.get("b"), data.runs.length - 1);
    const a = index(query.get("a"), QG.runBefore(data, b));
    const models = QG.unique(data.series.map((s) => s.model));
    const model = models.includes(query.get("model")) ? query.get("model") : "";
    const runs = data.runs.map((run, i) => [String(i), QG.runName(data, i)]).reverse();
    box.append(QG.choices(
        QG.chooseSuite(entry), QG.choice("a", "Run A, before", runs, String(a)),
        QG.choice("b", "Run B, after", runs, String(b)),
        models.length > 1 &&
            QG.choice("model", "Model", [["", "all"], ...models.map((m) => [m, m])], model),
        QG.tick("all", "also what did not change", query.get("all") === "1")));
    if (data.runs.length < 2) {
        box.append(QG.empty("There is one run only.", "Two are compared: record another with ",
                            QG.command("quantgate run SUITE --history DB"), "."));
        return;
    }
    box.append(sides(data, a, b));
    const rows = data.series.filter((s) => !model || s.model === model)
                     .map((s) => compared(data, s, a, b))
                     .filter(Boolean);
    rows.sort((x, y) => y.rank - x.rank || y.size - x.size);
    const count = (word) => rows.filter((r) => r.word === word).length;
    const shown = query.get("all") === "1" ? rows : rows.filter((r) => r.rank > 0);
    box.append(QG.card(
        QG.make("h2", {},
                QG.plural(count("worse"), "number") + " worse, " + count("better") + " better"),
        QG.make("p", {class: "soft"},
                count("same") + " the same, " + count("not told apart") +
                    " not told apart since their intervals overlap or were not taken."),
        shown.length ? QG.table("What changed from A to B", comparisonColumns, shown) :
                       QG.make("p", {},
                               rows.length ? "Nothing changed beyond its interval." :
                                             "The two runs have no number in common.")));
}

function sides(data, a, b) {
    const side = (name, i) => {
        const run = data.runs[i];
        return QG.make("div", {}, QG.make("dt", {}, name),
                       QG.make("dd", {}, QG.verdict(run.verdict), " ", QG.minute(run.at), ", ",
                               QG.commit(run.commit, data.commit_url),
                               " on " + QG.branchName(data.branches[run.branch]),
                               ", " + QG.machineName(data.machines[run.machine])));
    };
    return QG.card(
        QG.make("dl", {class: "facts"}, side("A", a), side("B", b)),
        data.runs[a].machine !== data.runs[b].machine &&
            QG.make("p", {class: "note"},
                    "A and B ran on different machines: their times say little about the code."),
        QG.make("p", {},
                QG.make("a", {href: QG.address("compare", {suite: data.name, a: b, b: a})},
                        "Swap A and B")));
}

/* Ranks: 2 worse, 1 better, 0 not told apart or the same. */
function compared(data, s, a, b) {
    const x = QG.pointOf(data, s, a), y = QG.pointOf(data, s, b);
    if (!x || !y)
        return null;
    const metric = QG.metricOf(s);
    const noisy = metric.unit === "duration" || metric.unit === "speed" ||
        metric.name.endsWith("_vs_fp16") &&
            !/memory|weights|cache|activations|workspace/.test(metric.name);
    const both = [x, y].every((p) => p.low !== null && p.high !== null);
    const apart = both ? x.high < y.low || y.high < x.low : !noisy;
    const word = x.value === y.value ? "same" :
        apart                        ? QG.direction(metric, x.value, y.value) :
                                       "not told apart";
    const why = x.value === y.value ? "" :
        both                        ? (apart ? "intervals do not overlap" : "intervals overlap") :
        noisy                       ? "no interval" :
                                      "exact";
    const size = x.value ? Math.abs(Math.log(Math.max(y.value / x.value, 1e-9))) || 0 : 0;
    return {series: s, metric, x, y, word, why, size, rank: {worse: 2, better: 1}[word] || 0};
}

const withRange =
    (metric, p) => [QG.print(metric, p.value),
                    p.low === null && p.high === null ?
                        null :
                        QG.make("span", {class: "soft range"}, QG.range(metric, p.low, p.high))];

const comparisonColumns = [
    {name: "Case", cell: (r) => r.series.case, key: (r) => r.series.case},
    {
        name: "Metric",
        cell: (r) => QG.make("a", {
            href: QG.address(
                "trends",
                {suite: QG.state().query.get("suite"), metric: r.metric.name, case: r.series.case})
        },
                             r.metric.name),
        key: (r) => r.metric.name
    },
    {name: "A", number: true, cell: (r) => withRange(r.metric, r.x)},
    {name: "B", number: true, cell: (r) => withRange(r.metric, r.y)},
    {
        name: "Change",
        number: true,
        cell: (r) => QG.change(r.metric, r.x.value, r.y.value),
        key: (r) => r.x.value ? r.y.value / r.x.value : 0
    },
    {name: "Means", cell: (r) => QG.judged(r.word), key: (r) => -r.rank},
    {name: "By", cell: (r) => QG.make("span", {class: "soft"}, r.why)},
];
