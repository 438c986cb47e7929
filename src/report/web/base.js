/* What every view stands on: the data, the DOM, numbers with their units, and the address.
 *
 * Data are scripts, since a page from the disk may not fetch: each file calls quantgateData(name,
 * value) once. Texts of the data may hold anything. They reach the page as text nodes and attribute
 * values only (make, below, is the one way to build an element), never as markup, and no text of
 * the data is ever a key of an object.
 */
"use strict";

const QG = {
    data: new Map(),     // "site", "suite-0", ...
    waiting: new Map(),  // name to functions that wait for it
    views: [],           // in the order of the navigation: {name, title, draw(box, state)}
    charts: [],          // what the view has drawn, to be destroyed with it
};

function quantgateData(name, value) {
    QG.data.set(name, value);
    (QG.waiting.get(name) || []).forEach((done) => done(value));
    QG.waiting.delete(name);
}

/* A data file, once: done(value), or done(null) where there is no such file. */
QG.load = function(name, done) {
    if (QG.data.has(name)) {
        done(QG.data.get(name));
        return;
    }
    const others = QG.waiting.get(name);
    if (others) {
        others.push(done);
        return;
    }
    QG.waiting.set(name, [done]);
    const script = document.createElement("script");
    script.src = "data/" + name + ".js";
    script.addEventListener("error", () => quantgateData(name, null));
    document.head.append(script);
};

/* ---- elements ---- */

/* make("td", {class: "n"}, "text", element, ...): on... are listeners, null, undefined and false
 * are left out. */
QG.make = function(tag, attributes, ...children) {
    const svg = ["svg", "rect", "path", "title", "line", "circle"].includes(tag);
    const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) :
                    document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
        if (value === null || value === undefined || value === false)
            continue;
        if (name.startsWith("on"))
            e.addEventListener(name.slice(2), value);
        else
            e.setAttribute(name, value === true ? "" : String(value));
    }
    for (const child of children.flat(Infinity))
        if (child !== null && child !== undefined && child !== false)
            e.append(child instanceof Node ? child : document.createTextNode(String(child)));
    return e;
};

/* A link where the target is http or https, else the text alone. */
QG.link = function(target, ...text) {
    return /^https?:\/\//i.test(target || "") ? QG.make("a", {href: target}, text) :
                                                QG.make("span", {}, text);
};

/* A commit, as a link where it is known what goes before it. */
QG.commit = function(commit, prefix) {
    if (!commit)
        return QG.make("span", {class: "soft"}, "no commit");
    const short = /^[0-9a-f]{13,}$/i.test(commit) ? commit.slice(0, 12) : commit;
    return QG.link(prefix && prefix + encodeURIComponent(commit), QG.make("code", {}, short));
};

/* The id of what had the focus when a view was drawn again; it has it back as soon as it is there.
 */
QG.wanted = "";
QG.refocus = function() {
    const e = QG.wanted && document.getElementById(QG.wanted);
    if (e) {
        e.focus();
        QG.wanted = "";
    }
};

QG.say = function(text) {
    document.getElementById("said").textContent = text;
};

/* ---- numbers and times ---- */

const scales = {
    duration: [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]],
    bytes: [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]],
};
const words = {
    share: ["%", 100],
    points: ["pp", 1],
    ratio: ["x", 1],
    speed: ["tok/s", 1],
    days: ["d", 1]
};

function digits(value, n) {
    if (value === 0)
        return "0";
    const size = Math.abs(value);
    if (size < 1e-4 || size >= 1e7)
        return value.toExponential(n - 1).replace(/\.?0+e/, "e");
    const after = Math.max(0, n - 1 - Math.floor(Math.log10(size)));
    const text = value.toFixed(after);
    return after ? text.replace(/\.?0+$/, "") : text;
}

/* "12.35 ms", "0.0123 nats"; "–" of null. `like`: take the unit that fits this value. */
QG.print = function(metric, value, like) {
    if (value === null || value === undefined || !Number.isFinite(value))
        return "–";
    const scale = scales[metric.unit];
    if (scale) {
        const size = Math.abs(like === undefined ? value : like);
        const [by, unit] = scale.find(([s]) => size >= s) || scale[scale.length - 1];
        return digits(value / by, 4) + " " + unit;
    }
    const [word, by] = words[metric.unit] || [metric.word, 1];
    return digits(value * by, 4) + (word ? (word === "x" ? "" : " ") + word : "");
};

QG.range = function(metric, low, high) {
    if (low === null && high === null)
        return "–";
    if (high === null)
        return "at least " + QG.print(metric, low);
    if (low === null)
        return "at most " + QG.print(metric, high);
    return QG.print(metric, low) + " to " + QG.print(metric, high);
};

/* "+1.23 %" from a to b; where a is 0 there is no share: the difference in the metric's unit. */
QG.change = function(metric, a, b) {
    if (a === b)
        return "0 %";
    const share = a > 0 && metric.unit !== "points" && metric.name !== "ppl_increase";
    const text = share ? digits((b / a - 1) * 100, 3) + " %" : QG.print(metric, b - a);
    return (text.startsWith("-") ? "−" + text.slice(1) : "+" + text);
};

/* "better", "worse" or "same": in the metric's direction. */
QG.direction = function(metric, a, b) {
    return a === b ? "same" : (b < a) === metric.cost ? "better" : "worse";
};

QG.day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
QG.minute = (seconds) =>
    new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";

QG.ago = function(seconds) {
    const s = Date.now() / 1000 - seconds;
    const [n, unit] = s < 5400 ? [s / 60, "minute"] :
        s < 129600             ? [s / 3600, "hour"] :
                                 [s / 86400, "day"];
    const whole = Math.max(0, Math.round(n));
    return whole + " " + unit + (whole === 1 ? "" : "s") + " ago";
};

/* A time in full, with how long ago it is. */
QG.when = function(seconds) {
    return QG.make("time",
                   {datetime: new Date(seconds * 1000).toISOString(), title: QG.minute(seconds)},
                   QG.day(seconds));
};

QG.plural = (n, noun) => n + " " + noun + (n === 1 ? "" : "s");

/* The least and the greatest of many numbers. */
QG.extent = (values) =>
    values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);

/* ---- the address: #view?key=value&... ---- */

QG.state = function() {
    const [view, query] = location.hash.replace(/^#/, "").split("?", 2);
    return {view: view || "overview", query: new URLSearchParams(query || "")};
};

/* The address of a view; values that are null or "" are left out. */
QG.address = function(view, values) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(values))
        if (value !== null && value !== undefined && value !== "")
            query.set(key, value);
    const text = query.toString();
    return "#" + view + (text ? "?" + text : "");
};
