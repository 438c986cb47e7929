/* The models of one run beside each other: what each method costs in quality and saves in memory
 * and time, as a table and as a picture of any two of these with the Pareto front marked. */
"use strict";

QG.views.push({
    name: "methods",
    title: "Methods",
    draw(box, query) {
        box.append(...QG.title(
            "Methods",
            "Size, quality and speed of the models of one run: what each method costs, and what it saves."));
        QG.withSuite(box, query, (entry, data) => drawMethods(box, query, entry, data));
    },
});

/* Shown in the table where they were measured, and offered as axes. */
const tableMetrics =
    ["weights", "memory_peak", "ppl", "kld_mean", "same_top", "ttft_p50", "tpot_p50", "throughput"];

function drawMethods(box, query, entry, data) {
    const runs = QG.chosenRuns(data, query);
    const list = data.runs.map((run, i) => i).filter((i) => runs.keeps(data.runs[i])).reverse();
    const wanted = list.find((i) => String(i) === query.get("run"));
    const run = wanted !== undefined ? wanted : list[0];
    if (run === undefined) {
        box.append(QG.choices(QG.chooseSuite(entry), QG.chooseRuns(data, runs)),
                   QG.empty("No run fits these choices.", "Choose another machine or branch."));
        return;
    }
    const measured =
        [...data.series]
            .sort(QG.byModel(entry, data))
            .map((s) => ({series: s, metric: QG.metricOf(s), point: QG.pointOf(data, s, run)}))
            .filter((m) => m.point && m.series.model);
    const batches =
        QG.unique(measured.map((m) => m.series.batch).filter(Boolean)).sort((a, b) => a - b);
    const batch = batches.find((b) => String(b) === query.get("batch")) || batches[0] || 0;
    const models = modelsOf(entry, data, measured, batch);
    const axes = QG.unique(measured.map((m) => m.metric.name));
    const first = (names, usual) => names.find((n) => axes.includes(n)) || usual;
    const pick = (key, names) =>
        axes.includes(query.get(key)) ? query.get(key) : first(names, axes[0]);
    const x = pick("x", ["weights", "memory_peak"]),
          y = pick("y", ["kld_mean", "ppl", "ppl_increase", "same_top"]);
    const size = query.get("z") === "none" ? "none" :
        axes.includes(query.get("z"))      ? query.get("z") :
                                             first(["tpot_p50", "ttft_p50", "throughput"], "none");
    const axisOptions = axes.map((name) => [name, name]);
    box.append(QG.choices(
        QG.chooseSuite(entry), QG.chooseRuns(data, runs),
        QG.choice("run", "Run", list.map((i) => [String(i), QG.runName(data, i)]), String(run)),
        batches.length > 1 &&
            QG.choice("batch", "Batch", batches.map((b) => [String(b), String(b)]),
                      String(batch))));
    if (!models.length) {
        box.append(QG.empty("This run measured no model.", "Choose another run."));
        return;
    }
    box.append(methodsCard(entry, models, batch));
    box.append(QG.choices(
        QG.choice("x", "Across", axisOptions, x), QG.choice("y", "Up", axisOptions, y),
        QG.choice("z", "Size of the point", [["none", "all alike"], ...axisOptions], size)));
    box.append(paretoCard(models, x, y, size));
}

/* What the reference has against itself, which no run measures. */
function againstItself(name) {
    if (name === "same_top" || name === "greedy_same" || name.endsWith("_vs_fp16"))
        return 1;
    return /^(kld_|dp_rms|dlogprob_|ppl_increase|accuracy_drop)/.test(name) ? 0 : null;
}

function completeReference(model, measured) {
    measured.forEach((m) => {
        const value = againstItself(m.metric.name);
        if (value !== null && !model.of.has(m.metric.name))
            model.of.set(m.metric.name, {metric: m.metric, point: {value}, itself: true});
    });
}

/* Each model with its value of every metric: at the batch chosen, else of its case without one. */
function modelsOf(entry, data, measured, batch) {
    const models = QG.unique(measured.map((m) => m.series.model)).map((name) => {
        const of = new Map(), own = measured.filter((m) => m.series.model === name);
        for (const wanted of [batch, 0])
            own.filter((m) => m.series.batch === wanted && !of.has(m.metric.name))
                .forEach((m) => of.set(m.metric.name, {metric: m.metric, point: m.point}));
        const info = data.models.find((m) => m.name === name) || {};
        return {name, of, method: own[0].series.method, info, reference: name === entry.reference};
    });
    models.filter((m) => m.reference).forEach((m) => completeReference(m, measured));
    return models;
}

function methodText(m) {
    const parts = [m.method || "–"];
    if (m.info.bits)
        parts.push(m.info.bits + " bit" + (m.info.group ? ", groups of " + m.info.group : ""));
    return parts.join(", ");
}

const soft = (text) => QG.make("span", {class: "soft"}, text);

function methodsCard(entry, models, batch) {
    const reference = models.find((m) => m.reference);
    const names = tableMetrics.filter((name) => models.some((m) => m.of.has(name)));
    const cell = (name) => (m) => {
        const own = m.of.get(name), held = reference && reference.of.get(name);
        if (!own)
            return "–";
        const text = [QG.print(own.metric, own.point.value), own.itself && soft(" by definition")];
        const share = held && held.point.value > 0 &&
            ["duration", "bytes", "speed"].includes(own.metric.unit);
        if (share && !m.reference)
            text.push(bar(own.point.value / held.point.value,
                          Math.max(1,
                                   ...models.filter((o) => o.of.has(name))
                                       .map((o) => o.of.get(name).point.value / held.point.value)),
                          QG.direction(own.metric, held.point.value, own.point.value)));
        return text;
    };
    return QG.card(
        QG.make("h2", {}, "Models side by side"),
        QG.make(
            "p", {class: "soft"},
            (batch ? "Memory and times at batch " + batch + ". " : "") +
                (reference ? "Bars and ratios: a share of " + reference.name + ", the reference." :
                             "")),
        QG.table("Models of the run side by side",
                 [
                     {
                         name: "Model",
                         cell: (m) => [m.name,
                                       m.reference &&
                                           QG.make("span", {class: "soft"}, " (reference)")],
                         key: (m) => m.name
                     },
                     {
                         name: "Method",
                         cell: (m) => QG.make("span", {class: "wrap"}, methodText(m)),
                         key: methodText
                     },
                     ...names.map((name) => ({
                                      name,
                                      number: true,
                                      cell: cell(name),
                                      key: (m) => m.of.has(name) ? m.of.get(name).point.value :
                                                                   Infinity
                                  })),
                 ],
                 models));
}

function bar(ratio, most, direction) {
    const fill = QG.make("span", {class: "fill " + direction});
    fill.style.width = 100 * ratio / most + "%";
    return QG.make("span", {class: "ratio"},
                   QG.make("span", {class: "track", "aria-hidden": "true"}, fill), " ",
                   ratio.toFixed(2) + "x");
}

/* ---- the Pareto picture ---- */

/* No other is at least as good in all metrics and better in one. */
function onFront(m, models, names) {
    const own = names.map((n) => m.of.get(n));
    return !models.some((other) => {
        const theirs = names.map((n) => other.of.get(n));
        if (other === m || theirs.some((v) => !v))
            return false;
        const says =
            own.map((v, i) => QG.direction(v.metric, v.point.value, theirs[i].point.value));
        return says.every((s) => s !== "worse") && says.includes("better");
    });
}

function paretoCard(models, x, y, z) {
    const names = QG.unique(z === "none" ? [x, y] : [x, y, z]);
    const known = models.filter((m) => names.every((n) => m.of.has(n)));
    const card = QG.card(QG.make("h2", {}, "Pareto front"));
    if (!known.length) {
        card.append(QG.make(
            "p", {class: "empty"},
            "No model has all of " + names.join(", ") + ": choose other axes or another run."));
        return card;
    }
    const points = known.map((m) => ({
                                 model: m,
                                 front: onFront(m, known, [x, y]),
                                 all: onFront(m, known, names),
                                 x: m.of.get(x).point.value,
                                 y: m.of.get(y).point.value,
                                 name: m.name
                             }));
    const metric = (n) => known[0].of.get(n).metric;
    const best = (n) => metric(n).cost ? "less" : "more";
    card.append(QG.make("p", {class: "soft"},
                        "A model is on the front where no other is as good in " + x + " (" +
                            best(x) + " is better) and " + y + " (" + best(y) +
                            " is better) and better in one: those are joined." +
                            (z === "none" ? "" : " A greater point has more " + z + ".")));
    card.append(methodKey(points));
    card.append(QG.chart(
        "Models by " + x + " and " + y +
            ". On the front: " + points.filter((p) => p.front).map((p) => p.name).join(", ") + ".",
        paretoConfig(points, metric(x), metric(y), z === "none" ? null : metric(z)),
        (p) => p.name + ", " + p.model.method + ": " +
            names.map((n) => n + " " + QG.print(metric(n), p.model.of.get(n).point.value))
                .join(", ")));
    card.append(QG.table("Models and the Pareto front",
                         [
                             {name: "Model", cell: (p) => p.name, key: (p) => p.name},
                             {
                                 name: "Method",
                                 cell: (p) => p.model.method || "–",
                                 key: (p) => p.model.method
                             },
                             ...names.map((n) => ({
                                              name: n,
                                              number: true,
                                              cell: (p) => QG.print(metric(n),
                                                                    p.model.of.get(n).point.value),
                                              key: (p) => p.model.of.get(n).point.value
                                          })),
                             {
                                 name: "On the front",
                                 cell: (p) => p.front ? QG.make("b", {}, "yes") : "no",
                                 key: (p) => p.front ? 0 : 1
                             },
                             names.length > 2 && {
                                 name: "Of all three",
                                 cell: (p) => p.all ? QG.make("b", {}, "yes") : "no",
                                 key: (p) => p.all ? 0 : 1
                             },
                         ].filter(Boolean),
                         points));
    return card;
}

const methodOrder = (points) => QG.unique(points.map((p) => p.model.method));

function methodKey(points) {
    return QG.make(
        "ul", {class: "legend"},
        methodOrder(points).map((method, i) => QG.make("li", {}, dot(i), method || "no method")));
}

function dot(i) {
    const style = QG.lineStyle(i);
    const shape = {
        circle: "M6 1A5 5 0 1 1 5.9 1Z",
        rect: "M2 2H10V10H2Z",
        triangle: "M6 1L11 10H1Z",
        rectRot: "M6 0L12 6L6 12L0 6Z"
    }[style.sign] ||
        "M1 5H11V7H1Z";
    const path = QG.make("path", {d: shape});
    path.style.fill = style.colour;
    return QG.make("svg", {width: 12, height: 12, viewBox: "0 0 12 12", "aria-hidden": "true"},
                   path);
}

function paretoConfig(points, x, y, z) {
    const values = z ? points.map((p) => p.model.of.get(z.name).point.value) : [];
    const greatest = Math.max(...values, 1e-300);
    const radius = (p) => z ? 6 + 14 * Math.sqrt(p.model.of.get(z.name).point.value / greatest) : 7;
    const sets = methodOrder(points).map((method, i) => {
        const style = QG.lineStyle(i), own = points.filter((p) => p.model.method === method);
        return {
            type: "scatter",
            walk: true,
            clip: false,
            label: method,
            data: own,
            pointStyle: style.sign,
            backgroundColor: QG.faded(style.colour, 0.75),
            borderColor: style.colour,
            borderWidth: 1.5,
            pointRadius: own.map(radius),
            pointHoverRadius: own.map(radius)
        };
    });
    const front =
        points.filter((p) => p.front).map((p) => ({x: p.x, y: p.y})).sort((a, b) => a.x - b.x);
    sets.push({
        type: "line",
        data: front,
        borderColor: QG.colour("mark"),
        borderDash: [6, 4],
        borderWidth: 1.5,
        pointRadius: 0,
        pointHitRadius: 0,
        tension: 0
    });
    const name = (m) => m.name + " (" + (m.cost ? "less" : "more") + " is better)";
    return {
        data: {datasets: sets},
        options: {
            layout: {padding: {top: 24, right: 16}},
            scales: {
                x: QG.metricAxis(x, points.map((p) => p.x).concat(x.unit === "bytes" ? [0] : []),
                                 name(x), {type: "linear", grace: "12%"}),
                y: QG.metricAxis(y, points.map((p) => p.y), name(y), {type: "linear", grace: "12%"})
            },
            plugins: {
                names: {on: true},
                tooltip: {
                    filter: (item) => item.dataset.walk === true,
                    callbacks: {
                        label: (item) => [item.raw.name + ", " + item.raw.model.method,
                                          x.name + " " + QG.print(x, item.raw.x),
                                          y.name + " " + QG.print(y, item.raw.y)]
                                             .concat(z ? [z.name + " " +
                                                          QG.print(z,
                                                                   item.raw.model.of.get(z.name)
                                                                       .point.value)] :
                                                         [])
                    }
                }
            },
        },
    };
}
