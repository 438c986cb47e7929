/* Charts by Chart.js, and small pictures by hand.
 *
 * A chart is never the only way to its numbers: each view puts a table beside it. The canvas has a
 * label, can be reached by Tab, and the arrow keys walk through its points, which are read out. All
 * colours come from the style sheet, so that both themes are told in one place.
 */
"use strict";

QG.colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

/* Lines differ by colour, dash and sign. */
const dashes = [[], [7, 3], [2, 3], [9, 3, 2, 3], [], [7, 3], [2, 3], [9, 3, 2, 3]];
const signs = ["circle", "rect", "triangle", "rectRot", "star", "crossRot", "rectRounded", "cross"];
QG.mostLines = dashes.length;
QG.lineStyle = (i) => ({
    colour: QG.colour("line-" + (i % QG.mostLines + 1)),
    dash: dashes[i % dashes.length],
    sign: signs[i % signs.length]
});

QG.faded = (colour, share) => colour + Math.round(share * 255).toString(16).padStart(2, "0");

/* ---- common to all charts ---- */

/* Marks: {x, text} vertical lines with a flag. */
const marksPlugin = {
    id: "marks",
    afterDatasetsDraw(chart, args, options) {
        const {ctx, chartArea, scales} = chart;
        for (const mark of options.list || []) {
            const x = scales.x.getPixelForValue(mark.x);
            ctx.save();
            ctx.strokeStyle = ctx.fillStyle = QG.colour("mark");
            ctx.lineWidth = 1.5;
            ctx.setLineDash([4, 3]);
            ctx.beginPath();
            ctx.moveTo(x, chartArea.top);
            ctx.lineTo(x, chartArea.bottom);
            ctx.stroke();
            ctx.beginPath();
            ctx.arc(x, chartArea.top, 9, 0, 2 * Math.PI);
            ctx.fill();
            ctx.fillStyle = QG.colour("card");
            ctx.font = "bold 11px system-ui, sans-serif";
            ctx.textAlign = "center";
            ctx.textBaseline = "middle";
            ctx.fillText(mark.text, x, chartArea.top + 0.5);
            ctx.restore();
        }
    },
};

/* Names: the label of each point above it. */
const namesPlugin = {
    id: "names",
    afterDatasetsDraw(chart, args, options) {
        if (!options.on)
            return;
        const {ctx, chartArea} = chart;
        ctx.save();
        ctx.font = "600 12px system-ui, sans-serif";
        ctx.fillStyle = QG.colour("ink");
        ctx.textBaseline = "middle";
        chart.data.datasets.forEach((set, i) => chart.getDatasetMeta(i).data.forEach((point, k) => {
            const text = set.data[k].name;
            if (!text)
                return;
            ctx.textAlign = point.x > chartArea.right - 40 ? "right" : "center";
            ctx.fillText(text, point.x, point.y - point.options.radius - 9);
        }));
        ctx.restore();
    },
};

/* Ticks of sizes stand at round numbers of MiB, not of bytes; of all else Chart.js knows better. */
QG.tickStep = function(metric, low, high) {
    if (metric.unit !== "bytes" || !(high > low))
        return undefined;
    const unit = 1024 ** Math.floor(Math.log2(high) / 10), rough = (high - low) / unit / 6;
    const ten = 10 ** Math.floor(Math.log10(rough));
    return unit * ten * [1, 2, 5, 10].find((n) => n * ten >= rough);
};

/* An axis of a metric over these values; what cannot be negative does not begin below 0. */
QG.metricAxis = function(metric, values, title, more) {
    const [low, high] = QG.extent(values), room = (high - low) * 0.15;
    const axis = QG.axis(title, (v) => QG.print(metric, v, high),
                         {...more, min: low >= 0 && low < room ? 0 : undefined});
    const step = QG.tickStep(metric, axis.min === 0 ? 0 : low, high);
    if (step)
        axis.afterBuildTicks = (scale) => {
            scale.ticks = [];
            for (let i = Math.ceil(scale.min / step); i * step <= scale.max; i++)
                scale.ticks.push({value: i * step});
        };
    return axis;
};

QG.axis = function(title, tick, more) {
    return {
        title: {display: Boolean(title), text: title, color: QG.colour("soft")},
        grid: {color: QG.colour("line"), drawBorder: false},
        ticks: {color: QG.colour("soft"), maxRotation: 0, autoSkipPadding: 16, callback: tick},
        ...more
    };
};

/* Draws into a new box: type, datasets, options of Chart.js; label is what is heard; speak(point)
 * says a point of datasets that are walked (set.walk). */
QG.chart = function(label, config, speak) {
    const canvas = QG.make("canvas", {
        role: "img",
        tabindex: "0",
        "aria-label":
            label + " Arrow keys go from point to point; the table below holds the same numbers."
    });
    const box = QG.make("div", {class: "chart"}, canvas);
    config.options =
        {animation: false, responsive: true, maintainAspectRatio: false, ...config.options};
    config.options.plugins = {...config.options.plugins, legend: {display: false}};
    config.options.plugins.tooltip = {
        ...config.options.plugins.tooltip,
        backgroundColor: QG.colour("ink"),
        titleColor: QG.colour("card"),
        bodyColor: QG.colour("card"),
        displayColors: false,
        padding: 10
    };
    config.plugins = [marksPlugin, namesPlugin];
    requestAnimationFrame(() => {
        if (!canvas.isConnected)
            return;
        const chart = new Chart(canvas, config);
        QG.charts.push(chart);
        walk(canvas, chart, speak);
    });
    return box;
};

/* Left and right go along a line, up and down to the next line, Escape leaves. */
function walk(canvas, chart, speak) {
    const lines =
        chart.data.datasets.map((set, i) => i)
            .filter((i) => chart.data.datasets[i].walk && chart.data.datasets[i].data.length);
    let line = 0, at = -1;
    const show = () => {
        const active = [{datasetIndex: lines[line], index: at}];
        chart.setActiveElements(active);
        chart.tooltip.setActiveElements(active, {x: 0, y: 0});
        chart.update("none");
        QG.say(speak(chart.data.datasets[lines[line]].data[at]));
    };
    canvas.addEventListener("keydown", (event) => {
        if (!lines.length)
            return;
        const length = () => chart.data.datasets[lines[line]].data.length;
        const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
        const jump = {ArrowUp: 1, ArrowDown: -1}[event.key];
        if (step)
            at = at < 0 ? (step > 0 ? 0 : length() - 1) :
                          Math.min(length() - 1, Math.max(0, at + step));
        else if (event.key === "Home" || event.key === "End")
            at = event.key === "Home" ? 0 : length() - 1;
        else if (jump) {
            line = (line + jump + lines.length) % lines.length;
            at = Math.min(length() - 1, Math.max(0, at));
        } else {
            if (event.key === "Escape") {
                at = -1;
                chart.setActiveElements([]);
                chart.tooltip.setActiveElements([], {x: 0, y: 0});
                chart.update("none");
            }
            return;
        }
        event.preventDefault();
        show();
    });
}

QG.dropCharts = function() {
    QG.charts.forEach((chart) => chart.destroy());
    QG.charts = [];
};

/* ---- small pictures ---- */

/* The verdicts of the last runs, oldest left: height and colour say the same as the label. */
QG.strip = function(verdicts) {
    const heights = [8, 24, 16, 4, 12, 24], step = 6;
    const counts = QG.verdicts.map((v, i) => [verdicts.filter((x) => x === i).length, v.word]);
    const label = "Last " + QG.plural(verdicts.length, "run") + ": " +
        counts.filter(([n]) => n).map(([n, word]) => n + " " + word).join(", ");
    const bars = verdicts.map((v, i) => QG.make("rect", {
        x: i * step,
        y: 24 - heights[v],
        width: 4,
        height: heights[v],
        rx: 1,
        class: QG.verdicts[v].word
    }));
    return QG.make("svg", {
        class: "strip",
        role: "img",
        "aria-label": label,
        width: verdicts.length * step,
        height: 24,
        viewBox: "0 0 " + verdicts.length * step + " 24"
    },
                   QG.make("title", {}, label), bars);
};

/* A line of values in a small box; null breaks it. */
QG.sparkline = function(label, values) {
    const known = values.filter((v) => v !== null), w = 160, h = 28;
    const low = Math.min(...known), span = Math.max(...known) - low || 1;
    const x = (i) => 2 + i * (w - 4) / Math.max(1, values.length - 1),
          y = (v) => h - 3 - (v - low) / span * (h - 6);
    let path = "", pen = "M";
    values.forEach((v, i) => {
        path += v === null ? "" : pen + x(i).toFixed(1) + " " + y(v).toFixed(1);
        pen = v === null ? "M" : "L";
    });
    const last = values.length - 1;
    return QG.make(
        "svg", {
            class: "spark",
            role: "img",
            "aria-label": label,
            width: w,
            height: h,
            viewBox: "0 0 " + w + " " + h
        },
        QG.make("title", {}, label), QG.make("path", {d: path}),
        values[last] !== null && QG.make("circle", {cx: x(last), cy: y(values[last]), r: 2.5}));
};
