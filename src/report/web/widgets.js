/* Parts that several views share: verdicts, tables, the choices above a view, what an empty view
 * says. */
"use strict";

/* A verdict is a sign, a word and a colour: the colour alone says nothing. */
QG.verdicts = [
    {word: "pass", sign: "✓"},
    {word: "fail", sign: "✗"},
    {word: "inconclusive", sign: "?"},
    {word: "skip", sign: "–"},
    {word: "known-fail", sign: "◆"},
    {word: "error", sign: "!"},
];

QG.sign = (sign) => QG.make("span", {"aria-hidden": "true", class: "sign"}, sign);

QG.verdict = function(index, badge) {
    const v = QG.verdicts[index];
    return QG.make("span", {class: (badge ? "badge " : "v ") + v.word}, QG.sign(v.sign), " ",
                   v.word);
};

/* How many of each verdict, in the order of QG.verdicts: a list without those that are 0. */
QG.counts = function(counts) {
    const items = counts.map((n, i) => n > 0 &&
                                 QG.make("li", {class: "v " + QG.verdicts[i].word},
                                         QG.sign(QG.verdicts[i].sign), " ", QG.make("b", {}, n),
                                         " " + QG.verdicts[i].word));
    return QG.make("ul", {class: "counts"}, items);
};

QG.card = (...children) => QG.make("section", {class: "card"}, ...children);

QG.title = function(text, brief) {
    return [
        QG.make("h1", {id: "title", tabindex: "-1"}, text),
        brief && QG.make("p", {class: "soft lead"}, brief)
    ];
};

/* What is not there, and what to do about it. */
QG.empty = function(what, ...todo) {
    return QG.card(QG.make("p", {class: "empty"}, QG.make("strong", {}, what), " ", todo));
};

QG.command = (text) => QG.make("code", {}, text);

/* ---- tables ---- */

/* A table in a box that scrolls by itself. columns: {name, number, cell(row), key(row)}; the first
 * is the heading of its row; with a key a column can be sorted by. */
QG.table = function(caption, columns, rows) {
    const body = QG.make("tbody");
    const fill = (ordered) => body.replaceChildren(...ordered.map(
        (row) =>
            QG.make("tr", {},
                    columns.map((c, i) => QG.make(i ? "td" : "th",
                                                  {scope: i ? null : "row", class: c.number && "n"},
                                                  c.cell(row))))));
    const headings =
        columns.map((c) => QG.make("th", {scope: "col", class: c.number && "n"}, c.name));
    columns.forEach((c, i) => c.key && sortable(headings, i, c, rows, fill));
    fill(rows);
    return QG.make("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": caption},
                   QG.make("table", {}, QG.make("caption", {class: "unseen"}, caption),
                           QG.make("thead", {}, QG.make("tr", {}, headings)), body));
};

function sortable(headings, i, column, rows, fill) {
    const sort = () => {
        const falls = headings[i].getAttribute("aria-sort") === "ascending";
        headings.forEach((h) => h.removeAttribute("aria-sort"));
        headings[i].setAttribute("aria-sort", falls ? "descending" : "ascending");
        const order = rows.map((row) => [column.key(row), row]);
        order.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) * (falls ? -1 : 1));
        fill(order.map(([, row]) => row));
    };
    headings[i].replaceChildren(
        QG.make("button", {type: "button", class: "sort", onclick: sort}, column.name));
}

/* A table that is built when it is asked for. */
QG.lateTable = function(summary, build) {
    const details = QG.make("details", {class: "late"}, QG.make("summary", {}, summary));
    details.addEventListener("toggle", () => {
        if (details.open && details.children.length === 1)
            details.append(build());
    });
    return details;
};

/* ---- choices ---- */

/* A labelled <select> that writes its value into the address. options: [value, text]. */
QG.choice = function(name, label, options, value) {
    const id = "choose-" + name;
    const select = QG.make(
        "select", {id, onchange: (event) => QG.set(name, event.target.value)},
        options.map(([v, text]) => QG.make("option", {value: v, selected: v === value}, text)));
    return QG.make("div", {class: "choice"}, QG.make("label", {for: id
    }, label), select);
};

QG.tick = function(name, label, value) {
    const id = "choose-" + name;
    return QG.make("div", {class: "choice tick"}, QG.make("input", {
        type: "checkbox",
        id,
        checked: value,
        onchange: (event) => QG.set(name, event.target.checked ? "1" : "")
    }),
                   QG.make("label", {for: id
                   }, label));
};

QG.choices = (...children) => QG.make("form", {
    class: "choices card",
    "aria-label": "What is shown",
    onsubmit: (event) => event.preventDefault()
},
                                      ...children);

/* One value of the address changed: the view is drawn again. */
QG.set = function(name, value) {
    const {view, query} = QG.state();
    const values = Object.fromEntries([...query].filter(([key]) => key !== name));
    location.hash = QG.address(view, {...values, [name]: value});
};

/* The suite that the address names (else the first), as {entry, data}, to then(entry, data);
 * without one the box says so. */
QG.withSuite = function(box, query, then) {
    const suites = QG.data.get("site").suites;
    if (!suites.length) {
        box.append(QG.noHistory());
        return;
    }
    const entry = suites.find((s) => s.name === query.get("suite")) || suites[0];
    box.append(QG.make("p", {class: "soft waiting"}, "Reading " + entry.data + ".js …"));
    const place = location.hash;
    QG.load(entry.data, (data) => {
        if (location.hash !== place || !box.isConnected)
            return;
        box.querySelector(".waiting").remove();
        if (data) {
            then(entry, data);
            QG.refocus();
        } else
            box.append(QG.empty("The data of this suite are missing.",
                                "Copy the folder data/ beside this page."));
    });
};

QG.chooseSuite = (entry) =>
    QG.choice("suite", "Suite",
              QG.data.get("site").suites.map((s) => [s.name, s.name || "(no name)"]), entry.name);

QG.noHistory = () => QG.empty("No run is recorded yet.", "Record one with ",
                              QG.command("quantgate run SUITE --history history.db"),
                              ", then write this page again with ",
                              QG.command("quantgate dashboard --history history.db -o DIR"), ".");
