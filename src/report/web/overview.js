/* The first view: every suite with its last verdict and checklist, what failed, what moved. */
"use strict";

QG.views.push({
    name: "overview",
    title: "Overview",
    draw(box) {
        const site = QG.data.get("site");
        box.append(...QG.title(
            "Overview",
            site.suites.length ?
                "The last run of every suite, what is wrong with it, and what changed for good." :
                null));
        if (!site.suites.length) {
            box.append(QG.noHistory());
            return;
        }
        box.append(QG.make("div", {class: "grid"}, site.suites.map(suiteCard)));
        box.append(failing(site), moved(site));
    },
});

function suiteCard(s) {
    const last = s.last;
    const facts = [
        ["Last run", [QG.when(last.at), QG.make("span", {class: "soft"}, " " + QG.ago(last.at))]],
        ["Commit", [QG.commit(last.commit, s.commit_url), last.branch && [" on ", last.branch]]],
        ["Machine", last.machine],
        ["Judgements", QG.counts(last.counts)],
        ["Checklist", checklist(s.checklist)],
        [s.spark && QG.data.get("site").metrics[s.spark.metric].name, s.spark && spark(s)],
    ];
    return QG.make(
        "section", {class: "card " + QG.verdicts[last.verdict].word, "data-suite": s.name},
        QG.make("div", {class: "head"},
                QG.make("h2", {},
                        QG.make("a", {href: QG.address("trends", {suite: s.name})},
                                s.name || "(no name)")),
                QG.verdict(last.verdict, true)),
        last.partial &&
            QG.make("p", {class: "v inconclusive"}, "It ended early: cases are missing."),
        QG.make("dl", {class: "facts"},
                facts.filter(([name, fact]) => name && fact)
                    .map(([name, fact]) =>
                             QG.make("div", {}, QG.make("dt", {}, name), QG.make("dd", {}, fact)))),
        QG.strip(s.verdicts),
        QG.make("p", {class: "soft small"},
                "Verdicts of the last " + QG.plural(s.verdicts.length, "run") + ", newest right. " +
                    (s.n_kept < s.n_runs ?
                         "The newest " + s.n_kept + " of " + s.n_runs + " are in these pages." :
                         QG.plural(s.n_runs, "run") + " recorded.")));
}

/* "6 of 8 done", and the items that are not. */
function checklist(states) {
    if (!states)
        return QG.make("span", {class: "soft"}, "not asked for");
    const items = QG.data.get("site").checkitems;
    const asked =
        states.map((state, i) => ({state, item: items[i]})).filter((x) => x.state !== "not asked");
    const lacking = asked.filter((x) => x.state !== "done" && x.state !== "waived");
    const done = asked.length - lacking.length;
    return [
        QG.make("span", {class: lacking.length ? "v inconclusive" : "v pass"},
                QG.sign(lacking.length ? "?" : "✓"), " " + done + " of " + asked.length + " done"),
        lacking.length > 0 &&
            QG.make("details", {}, QG.make("summary", {}, "what is lacking"),
                    QG.make("ul", {class: "plain"},
                            lacking.map((x) => QG.make("li", {}, QG.make("b", {}, x.state),
                                                       ": " + x.item.title))))
    ];
}

function spark(s) {
    const metric = QG.data.get("site").metrics[s.spark.metric];
    const known = s.spark.values.filter((v) => v !== null);
    const last = known[known.length - 1];
    if (!known.length)
        return null;
    const text = metric.name + " of " + s.spark.case +", last " +
        QG.plural(s.spark.values.length, "run") + ": " +
        QG.range(metric, Math.min(...known), Math.max(...known)) + ", now " +
        QG.print(metric, last);
    return QG.make("span", {class: "sparked"}, QG.sparkline(text, s.spark.values), " ",
                   QG.print(metric, last));
}

function failing(site) {
    const rows = site.suites.flatMap((s) => s.bad.map((b) => ({suite: s.name, ...b})));
    const more = site.suites.reduce((n, s) => n + s.n_bad - s.bad.length, 0);
    if (!rows.length)
        return QG.card(
            QG.make("h2", {}, "What needs a look"),
            QG.make("p", {}, "Nothing: no judgement of a last run failed or stayed open."));
    return QG.card(
        QG.make("h2", {}, "What needs a look"),
        QG.table("Judgements of the last runs that failed or stayed open",
                 [
                     {name: "Suite", cell: (r) => r.suite},
                     {name: "Case", cell: (r) => r.case || "the run"},
                     {name: "Metric", cell: (r) => metricLink(r.suite, r)},
                     {name: "Verdict", cell: (r) => QG.verdict(r.verdict)},
                     {name: "Why", cell: (r) => QG.make("span", {class: "text"}, r.message)},
                 ],
                 rows),
        more > 0 &&
            QG.make("p", {class: "soft small"},
                    "… and " + more + " more; each run's own report has all of them."));
}

function metricLink(suite, r) {
    if (r.metric === null)
        return "(case)";
    const name = QG.data.get("site").metrics[r.metric].name;
    return QG.make("a", {href: QG.address("trends", {suite, metric: name, case: r.case})}, name);
}

/* One change mostly moves several numbers: of those that moved at one run the greatest is shown,
 * with how many more there are. */
function grouped(site) {
    const groups = [];
    const size = (c) => c.before > 0 && c.after > 0 ? Math.abs(Math.log(c.after / c.before)) : 1e9;
    for (const s of site.suites)
        for (const at of QG.unique(s.changes.map((c) => c.at))) {
            const all = s.changes.filter((c) => c.at === at).sort((a, b) => size(b) - size(a));
            groups.push({suite: s.name, commit_url: s.commit_url, more: all.length - 1, ...all[0]});
        }
    return groups.sort((a, b) => b.at - a.at);
}

function moved(site) {
    const rows = grouped(site);
    const card = QG.card(QG.make("h2", {}, "What moved"));
    if (!rows.length) {
        card.append(QG.make(
            "p", {}, "No change point among the runs shown: their numbers keep their level."));
        return card;
    }
    const columns = [
        {name: "Since", cell: (r) => QG.when(r.at)},
        {name: "Suite", cell: (r) => r.suite},
        {name: "Case", cell: (r) => r.case},
        {name: "Metric", cell: (r) => metricLink(r.suite, r)},
        ...QG.changeColumns((r) => site.metrics[r.metric]),
        {name: "With it", cell: (r) => r.more ? QG.plural(r.more, "number") + " more" : "–"},
        {name: "Commit", cell: (r) => QG.commit(r.commit, r.commit_url)},
    ];
    card.append(QG.table("Newest change points of all suites", columns, rows.slice(0, 12)));
    return card;
}

/* Before, after, and what that means: shared by the lists of change points. */
QG.changeColumns = (metricOf) =>
    [{name: "Before", number: true, cell: (r) => QG.print(metricOf(r), r.before, r.after)},
     {name: "After", number: true, cell: (r) => QG.print(metricOf(r), r.after)},
     {name: "Change", number: true, cell: (r) => QG.change(metricOf(r), r.before, r.after)},
     {name: "Means", cell: (r) => QG.judged(QG.direction(metricOf(r), r.before, r.after))},
];

QG.judged = function(word) {
    const [sign, style] = {better: ["▲", "pass"], worse: ["▼", "fail"], same: ["=",
                                                                               "skip"]}[word] ||
        ["~", "skip"];
    return QG.make("span", {class: "v " + style}, QG.sign(sign), " ", word);
};
