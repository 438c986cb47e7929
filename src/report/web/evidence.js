/* What the verdicts stand on: lines and kernels that tests reach, noise of the machines, and
 * failures that are known. */
"use strict";

QG.views.push({
    name: "coverage",
    title: "Coverage",
    draw(box) {
        const site = QG.data.get("site");
        box.append(...QG.title("Coverage",
                               "What of the code the tests reach: C by lines, kernels by proof."));
        const kernels = site.kernels ?
            kernelCoverage(site.kernels) :
            QG.empty("No proof of the kernels was given.", "Run ",
                     QG.command("build/kcheck --csv > kcheck.csv"), " and write this page with ",
                     QG.command("--kcheck kcheck.csv"), ".");
        box.append(...(site.coverage.length ? lineCoverage(site.coverage, kernels) : [
            QG.empty("No line coverage was given.", "Make it with ", QG.command("make coverage"),
                     " and write this page with ",
                     QG.command("--coverage build/coverage/coverage.json"),
                     "; several, oldest first, make a trend."),
            kernels
        ]));
    },
});

const share = (covered, total) => total ? 100 * covered / total : null;
const percent = (value) => value === null ? "–" : value.toFixed(1) + " %";

/* The long table of files stands last, behind the kernels. */
function lineCoverage(list, kernels) {
    const last = list[list.length - 1];
    const total = (name, pair) => pair[1] > 0 &&
        QG.make("div", {class: "figure"}, QG.make("span", {class: "big"}, percent(share(...pair))),
                QG.make("span", {class: "soft"}, name + ", " + pair[0] + " of " + pair[1]));
    const cards = [
        QG.card(
            QG.make("h2", {}, "Lines of C"),
            QG.make("div", {class: "figures"}, total("lines", last.lines),
                    total("functions", last.functions), total("branches", last.branches)),
            QG.make(
                "p", {class: "soft small"},
                "By gcovr, from " + last.name +
                    ". CUDA kernels are not counted by lines: the table of kernels below is their coverage."))
    ];
    if (list.length > 1)
        cards.push(coverageTrend(list));
    const cell = (key) => ({
        number: true,
        cell: (f) => percent(share(...f[key])),
        key: (f) => share(...f[key]) === null ? 101 : share(...f[key])
    });
    cards.push(
        kernels,
        QG.card(
            QG.make("h2", {}, "By file"),
            QG.table("Coverage of every file",
                     [
                         {name: "File", cell: (f) => f.name, key: (f) => f.name},
                         {
                             name: "Lines covered",
                             number: true,
                             cell:
                                 (f) => [meter(share(...f.lines)), " ", percent(share(...f.lines))],
                             key: (f) => share(...f.lines) === null ? 101 : share(...f.lines)
                         },
                         {
                             name: "Not covered",
                             number: true,
                             cell: (f) => f.lines[1] - f.lines[0],
                             key: (f) => f.lines[1] - f.lines[0]
                         },
                         {name: "Functions", ...cell("functions")},
                         {name: "Branches", ...cell("branches")},
                     ],
                     last.files)));
    return cards;
}

function meter(value) {
    const fill = QG.make("span", {
        class: "fill " +
            (value === null ? "same" :
                 value < 50 ? "worse" :
                 value < 90 ? "warn" :
                              "better")
    });
    fill.style.width = (value || 0) + "%";
    return QG.make("span", {class: "track", "aria-hidden": "true"}, fill);
}

function coverageTrend(list) {
    const style = QG.lineStyle(0);
    const config = {
        type: "line",
        data: {
            datasets: [{
                walk: true,
                label: "lines",
                borderColor: style.colour,
                backgroundColor: style.colour,
                borderWidth: 2,
                tension: 0,
                data: list.map((c, i) => ({x: i, y: share(...c.lines), name: "", of: c}))
            }]
        },
        options: {
            scales: {
                x: QG.axis("", (v) => list[v] ? list[v].name : "", {
                    type: "linear",
                    max: list.length - 1,
                    ticks: {...QG.axis("", (v) => list[v] ? list[v].name : "").ticks, stepSize: 1}
                }),
                y: QG.axis("", (v) => v.toFixed(1) + " %", {grace: "10%"})
            },
            plugins: {
                tooltip: {
                    callbacks: {
                        title: (items) => items[0].raw.of.name,
                        label: (item) => percent(item.raw.y)
                    }
                }
            }
        },
    };
    return QG.card(
        QG.make("h2", {}, "Over time"),
        QG.chart("Lines covered over " + list.length + " summaries.", config,
                 (p) => p.of.name + ": " + percent(p.y)),
        QG.lateTable(
            "These numbers as a table",
            () => QG.table(
                "Coverage of every summary",
                [
                    {name: "Summary", cell: (c) => c.name},
                    {name: "Lines", number: true, cell: (c) => percent(share(...c.lines))},
                    {name: "Covered", number: true, cell: (c) => c.lines[0] + " of " + c.lines[1]}
                ],
                [...list].reverse())));
}

/* kernels: {name, tiers, rows: [{kernel, shape, tiers}]}: the tiers of a row are bits. */
const isProved = (row, t) => Boolean(row.tiers >> t & 1);

function kernelCoverage(kernels) {
    const names = QG.unique(kernels.rows.map((r) => r.kernel));
    const of = (name) => kernels.rows.filter((r) => r.kernel === name);
    const proved = (name, t) => of(name).filter((r) => isProved(r, t)).length;
    const has = (yes) => yes ? QG.make("span", {class: "v pass"}, QG.sign("✓"), " proved") :
                               QG.make("span", {class: "soft"}, "– none");
    return QG.card(QG.make("h2", {}, "Kernels by proof"),
        QG.make("p", {class: "soft"}, "Shapes of each kernel that kcheck compared with the reference, by tier, from " + kernels.name +
            ". A tier without a kernel of its own runs the one below it."),
        QG.table("Shapes proved of each kernel by tier", [
            {name: "Kernel", cell: (n) => n, key: (n) => n},
            {name: "Shapes", number: true, cell: (n) => of(n).length, key: (n) => of(n).length},
            ...kernels.tiers.map((tier, t) => ({name: tier, number: true, key: (n) => proved(n, t),
                cell: (n) => proved(n, t) ? QG.make("span", {class: "v pass"}, QG.sign("✓"), " " + proved(n, t)) : QG.make("span", {class: "soft"}, "–")})),
        ], names),
        QG.lateTable("Every shape", () => QG.table("Every kernel and shape by tier", [
            {name: "Kernel", cell: (r) => r.kernel, key: (r) => r.kernel},
            {name: "Shape", cell: (r) => r.shape || "–"},
            ...kernels.tiers.map((tier, t) => ({name: tier, cell: (r) => has(isProved(r, t))})),
        ], kernels.rows)));
}

/* ---- noise ---- */

QG.views.push({
    name: "noise",
    title: "Noise",
    draw(box) {
        const site = QG.data.get("site");
        box.append(...QG.title(
            "Noise floors",
            "The program against itself: the change that each machine cannot tell from none."));
        const noise = site.suites.flatMap((s) => s.noise.map((n) => ({suite: s.name, ...n})));
        if (!noise.length)
            box.append(QG.empty("No machine is calibrated.", "Measure one with ",
                                QG.command("quantgate calibrate SUITE"),
                                "; runs that are recorded after it bring its floors along."));
        noise.forEach(
            (n) => box.append(QG.card(
                QG.make("h2", {}, (n.suite || "(no name)") + " on " + (n.machine || "a machine")),
                QG.make("p", {class: "soft"}, "Machine class ",
                        QG.make("code", {}, n.fingerprint || "unknown"), ", as of ", QG.when(n.at),
                        "."),
                QG.table("Noise floors of " + n.suite + " on " + n.machine,
                         [
                             {name: "Case", cell: (r) => r.case, key: (r) => r.case},
                             {
                                 name: "Metric",
                                 cell: (r) => site.metrics[r.metric].name,
                                 key: (r) => r.metric
                             },
                             {
                                 name: "Last value",
                                 number: true,
                                 cell: (r) => QG.print(site.metrics[r.metric], r.value)
                             },
                             {
                                 name: "Floor",
                                 number: true,
                                 cell: (r) => "±" + percent(100 * r.floor),
                                 key: (r) => r.floor
                             },
                             {
                                 name: "In its unit",
                                 number: true,
                                 cell: (r) => r.value === null ?
                                     "–" :
                                     "±" + QG.print(site.metrics[r.metric], r.value * r.floor)
                             },
                         ],
                         n.rows))));
    },
});

/* ---- known failures ---- */

QG.views.push({
    name: "known",
    title: "Known failures",
    draw(box) {
        const known =
            QG.data.get("site").suites.flatMap((s) => s.known.map((k) => ({suite: s.name, ...k})));
        box.append(...QG.title(
            "Known failures",
            "What is known to fail costs nothing until its last day, then it fails again."));
        if (!known.length) {
            box.append(QG.empty("The last runs have none.", "A suite names them under ",
                                QG.command("known_failures:"),
                                ", each with an issue and a last day."));
            return;
        }
        const days = (k) => k.expires ?
            Math.ceil((Date.parse(k.expires + "T23:59:59Z") - Date.now()) / 86400000) :
            null;
        const rows = known.map((k) => ({...k, days: days(k)}));
        rows.sort((a, b) => (a.days === null ? 1e9 : a.days) - (b.days === null ? 1e9 : b.days));
        const expired = rows.filter((k) => k.days !== null && k.days <= 0).length;
        box.append(QG.card(
            QG.make("p", {},
                    expired ?
                        QG.make("span", {class: "v fail"}, QG.sign("✗"),
                                " " + QG.plural(expired, "entry").replace("entrys", "entries") +
                                    " expired: mend the failure, or give it another day.") :
                        "None has expired."),
            QG.table("Known failures of the last runs, soonest first",
                     [
                         {name: "Suite", cell: (k) => k.suite, key: (k) => k.suite},
                         {name: "Case", cell: (k) => k.case || "the run", key: (k) => k.case},
                         {
                             name: "Metric",
                             cell: (k) => k.metric === null ?
                                 "(case)" :
                                 QG.data.get("site").metrics[k.metric].name
                         },
                         {
                             name: "Issue",
                             cell: (k) => k.issue ?
                                 QG.link(k.issue, k.issue.replace(/^https?:\/\//i, "")) :
                                 "–"
                         },
                         {
                             name: "Last day",
                             cell: (k) => k.expires || "–",
                             key: (k) => k.expires || "~"
                         },
                         {name: "Left", cell: left, key: (k) => k.days === null ? 1e9 : k.days},
                         {
                             name: "What it says",
                             cell: (k) => QG.make("span", {class: "text"}, k.message)
                         },
                     ],
                     rows)));
    },
});

function left(k) {
    if (k.days === null || Number.isNaN(k.days))
        return "–";
    if (k.days <= 0)
        return QG.make("span", {class: "v fail"}, QG.sign("✗"),
                       " expired " + (k.days === 0 ? "today" : QG.plural(-k.days, "day") + " ago"));
    return QG.make("span", {class: "v " + (k.days <= 14 ? "inconclusive" : "pass")},
                   QG.sign(k.days <= 14 ? "?" : "✓"), " " + QG.plural(k.days, "day"));
}
