/* The chart of the trends: what Chart.js is told of lines, {series, points, name, style}. */
"use strict";

/* What is drawn along with the values keeps the picture readable: limits and baselines that are far
 * away are left out, and bands are cut. */
QG.sight = function(lines) {
    const [low, high] = QG.extent(lines.flatMap((l) => l.points.map((p) => p.value)));
    const room = 3 * (high - low || Math.abs(high));
    return {
        low,
        high,
        near: (v) => v >= low - room && v <= high + room,
        sees: (v) => v >= low - room && v <= high + room || v >= low / 2 && v <= high * 2,
    };
};

/* What a line is held to: drawn as thin lines of its own colour. */
const held = [
    {key: "limit", borderDash: [3, 4], borderWidth: 1},
    {key: "base", borderDash: [1, 5], borderWidth: 2, borderCapStyle: "round"},
    {key: "anchor", borderDash: [6, 6, 1, 6], borderWidth: 2, borderCapStyle: "round"},
];
const plain = {
    pointRadius: 0,
    pointHitRadius: 0,
    tension: 0
};
const knows = (line, key) => line.points.some((p) => p[key] !== null);

/* Datasets of a line: itself, its band, what it is held to. place: run to x. */
function lineSets(line, sight, place, few, banded) {
    const colour = line.style.colour;
    const column = (key, keep) => line.points.map(
        (p) => ({x: place.get(p.index), y: p[key] !== null && keep(p[key]) ? p[key] : null}));
    const sets = [valueSet(line, place, few)];
    if (banded && knows(line, "low") && knows(line, "high"))
        sets.push({
            ...plain,
            borderWidth: 0,
            data: column("low", sight.near),
            fill: "+1",
            backgroundColor: QG.faded(colour, 0.16),
        },
                  {...plain, borderWidth: 0, data: column("high", sight.near)});
    for (const {key, ...style} of held)
        if (knows(line, key))
            sets.push({
                ...plain,
                ...style,
                borderColor: colour,
                stepped: true,
                data: column(key, sight.sees),
            });
    return sets;
}

/* Points that failed or stayed open have signs of their own; the others are dots where few. */
function valueSet(line, place, few) {
    const colour = line.style.colour;
    const each = (fail, inconclusive, other) => line.points.map((p) => p.verdict === 1 ? fail :
                                                                    p.verdict === 2 ? inconclusive :
                                                                                      other);
    return {
        label: line.name,
        walk: true,
        borderColor: colour,
        backgroundColor: colour,
        borderDash: line.style.dash,
        borderWidth: 1.75,
        tension: 0,
        spanGaps: true,
        data: line.points.map((p) => ({x: place.get(p.index), y: p.value, point: p, line})),
        pointStyle: each("crossRot", "triangle", line.style.sign),
        pointRadius: each(6, 5, few ? 3 : 0),
        pointBorderColor: each(QG.colour("fail"), colour, colour),
        pointBorderWidth: each(2.5, 1, 1),
        pointHitRadius: 6,
    };
}

/* order: the runs shown, oldest first. A click on a point compares its run with the one before. */
QG.trendConfig = function(data, metric, lines, order, zero) {
    const place = new Map(order.map((index, i) => [index, i])), sight = QG.sight(lines);
    const sets =
        lines.flatMap((l) => lineSets(l, sight, place, order.length <= 60, lines.length <= 4));
    const day = (v) => order[v] === undefined ? "" : QG.day(data.runs[order[v]].at);
    const x = QG.axis("", day, {
        type: "linear",
        min: order.length > 1 ? 0 : -1,
        max: Math.max(1, order.length - 1),
    });
    x.ticks.precision = 0;
    return {
        type: "line",
        data: {datasets: sets},
        options: {
            interaction: {mode: "nearest", intersect: false, axis: "x"},
            layout: {padding: {top: 12}},
            scales: {
                x,
                y: QG.metricAxis(metric, [zero ? 0 : sight.low, sight.high], "", {grace: "5%"})
            },
            plugins: {
                marks: {
                    list: QG.numberChanges(data, lines)
                              .map((c) => ({x: place.get(c.run), text: c.number}))
                },
                tooltip: {
                    filter: (item) => item.dataset.walk === true,
                    callbacks: {
                        title: (items) => items.map((i) => QG.runName(data, i.raw.point.index))[0],
                        label: (item) => QG.told(metric, item.raw),
                    },
                },
            },
            onClick: (event, elements) => {
                const hit = elements.find((e) => sets[e.datasetIndex].walk);
                if (hit)
                    location.hash = QG.address("compare", {
                        suite: data.name,
                        b: sets[hit.datasetIndex].data[hit.index].point.index,
                    });
            },
        },
    };
};

/* One point in words. */
QG.told = function(metric, raw) {
    const p = raw.point, parts = [raw.line.name + ": " + QG.print(metric, p.value)];
    if (p.low !== null || p.high !== null)
        parts.push(QG.range(metric, p.low, p.high));
    if (p.limit !== null)
        parts.push("budget " + QG.print(metric, p.limit));
    if (p.verdict !== null)
        parts.push(QG.verdicts[p.verdict].word);
    return parts.join(", ");
};
