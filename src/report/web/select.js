/* Which numbers of a suite a view is about: series, their filters, the points of one run. */
"use strict";

/* Filters of a series, then of a run: [key in the address, label, "all" text, value of it]. */
QG.filters = [
    ["model", "Model", (s) => s.model],
    ["method", "Method", (s) => s.method],
    ["batch", "Batch", (s) => String(s.batch || "")],
    ["device", "Device", (s) => s.device],
];

QG.unique = (values) => [...new Set(values)];

/* The machine and the branch that are shown unless the address says otherwise: those of most runs
 * among the newest hundred. */
QG.usual = function(data, key) {
    const counts = new Map();
    data.runs.slice(-100).forEach((run) => counts.set(run[key], (counts.get(run[key]) || 0) + 1));
    return [...counts].sort((a, b) => b[1] - a[1])[0][0];
};

QG.machineName = (m) =>
    (m.text || "machine") + (m.fingerprint ? " · " + m.fingerprint.slice(0, 8) : "");
QG.branchName = (name) => name || "(no branch)";

/* <select>s for machine and branch; value "*" is all of them. */
QG.chooseRuns = function(data, chosen) {
    const machines = data.machines.map((m, i) => [m.fingerprint, QG.machineName(m)]);
    const branches = data.branches.map((b) => [b, QG.branchName(b)]);
    const all = (list, text) => list.length > 1 ? [...list, ["*", text]] : list;
    return [
        QG.choice("machine", "Machine", all(machines, "all machines"), chosen.machine),
        QG.choice("branch", "Branch", all(branches, "all branches"), chosen.branch)
    ];
};

QG.chosenRuns = function(data, query) {
    const machine = query.get("machine"), branch = query.get("branch");
    const known = (list, value) => value === "*" || list.includes(value);
    const chosen = {
        machine: known(data.machines.map((m) => m.fingerprint), machine) ?
            machine :
            data.machines[QG.usual(data, "machine")].fingerprint,
        branch: known(data.branches, branch) ? branch : data.branches[QG.usual(data, "branch")],
    };
    chosen.keeps = (run) =>
        (chosen.machine === "*" || data.machines[run.machine].fingerprint === chosen.machine) &&
        (chosen.branch === "*" || data.branches[run.branch] === chosen.branch);
    return chosen;
};

/* The points of a series whose run is kept: {run, index, value, low, high, limit, base,
 * anchor, verdict}, what is not known null. */
QG.points = function(data, series, keeps) {
    const points = [];
    series.run.forEach((run, i) => {
        if (keeps(data.runs[run]))
            points.push(QG.point(data, series, i));
    });
    return points;
};

const at = (column, i) => column ? column[i] : null;

QG.point = (data, series, i) => ({
    index: series.run[i],
    run: data.runs[series.run[i]],
    value: series.value[i],
    low: at(series.low, i),
    high: at(series.high, i),
    limit: at(series.limit, i),
    base: at(series.base, i),
    anchor: at(series.anchor, i),
    verdict: at(series.verdict, i),
});

/* The point of a series in one run, or null. */
QG.pointOf = function(data, series, run) {
    const i = series.run.indexOf(run);
    return i < 0 ? null : QG.point(data, series, i);
};

QG.runName = (data, i) => QG.minute(data.runs[i].at) + " · " +
    (data.runs[i].commit || "no commit").slice(0, 12) + " · " +
    QG.branchName(data.branches[data.runs[i].branch]) + " · " +
    QG.verdicts[data.runs[i].verdict].word;

/* "awq · batch 4 · tpot_p50": what tells a series from the others shown. */
QG.seriesName = function(s, others) {
    const parts = [s.model];
    if (others.some((o) => o.method !== o.model))
        parts.push(s.method);
    if (s.batch)
        parts.push("batch " + s.batch);
    else if (others.some((o) => o.batch))
        return s.case;
    if (QG.unique(others.map((o) => o.device)).length > 1)
        parts.push(s.device);
    const name = parts.filter(Boolean).join(" · ");
    return others
                .filter((o) => o.model === s.model && o.method === s.method &&
                            o.batch === s.batch && o.device === s.device)
                .length > 1 ?
        s.case :
        name;
};

/* Order of series: the reference first, then models as the suite names them, then batches. */
QG.byModel = function(entry, data) {
    const names = [entry.reference, ...data.models.map((m) => m.name)];
    const place = (s) => names.includes(s.model) ? names.indexOf(s.model) : names.length;
    return (a, b) => place(a) - place(b) || a.batch - b.batch;
};

QG.metricOf = (series) => QG.data.get("site").metrics[series.metric];
