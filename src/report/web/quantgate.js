/* Begins: navigation, theme, and the view that the address names. */
"use strict";

/* Draws the view of the address; what had the focus has it again, a new view is begun at its title.
 */
function show(event) {
    const site = QG.data.get("site"), {view: name, query} = QG.state();
    const view = QG.views.find((v) => v.name === name) || QG.views[0];
    const main = document.getElementById("main"),
          focus = document.activeElement && document.activeElement.id;
    const other = main.dataset.view !== view.name;
    QG.dropCharts();
    const box = QG.make("div");
    main.dataset.view = view.name;
    main.replaceChildren(box);
    navigation(view, query.get("suite"));
    document.title = view.title + " · " + site.title;
    view.draw(box, query);
    main.dataset.shown = location.hash;
    if (!event)
        return;
    if (other) {
        window.scrollTo(0, 0);
        document.getElementById("title").focus();
        QG.say(view.title);
    } else {
        QG.wanted = focus;
        QG.refocus();
    }
}

/* The suite that is looked at goes along. */
function navigation(current, suite) {
    document.getElementById("nav").replaceChildren(...QG.views.map(
        (v) => QG.make(
            "li", {},
            QG.make(
                "a",
                {href: QG.address(v.name, {suite}), "aria-current": v === current ? "page" : null},
                v.title))));
}

/* ---- theme: automatic follows the system ---- */

function remembered() {
    try {
        return localStorage.getItem("quantgate-theme");
    } catch (e) {
        return null;  // storage is forbidden: the choice holds for this page
    }
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function setTheme(theme) {
    const isDark = theme === "auto" ? prefersDark.matches : theme === "dark";
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
}

function chooseTheme(event) {
    setTheme(event.target.value);
    try {
        localStorage.setItem("quantgate-theme", event.target.value);
    } catch (e) {
        // as above
    }
    redraw();
}

/* Charts hold colours of the theme that they were drawn in. */
function redraw() {
    const open = [...document.querySelectorAll("details")].map((d) => d.open);
    show(null);
    document.querySelectorAll("details").forEach((d, i) => {
        d.open = Boolean(open[i]);
    });
}

function begin() {
    const site = QG.data.get("site"), main = document.getElementById("main");
    if (!site) {
        main.replaceChildren(
            QG.make("h1", {}, "quantgate"),
            QG.empty("The data are missing.", "Copy the folder data/ beside this page."));
        return;
    }
    if (site.schema !== 1) {
        main.replaceChildren(
            QG.make("h1", {}, "quantgate"),
            QG.empty("The data are of another version of quantgate than this page.",
                     "Write both again with ", QG.command("quantgate dashboard"), "."));
        return;
    }
    document.getElementById("brand").textContent = site.title;
    document.getElementById("made").replaceChildren("Made by quantgate " + site.version + " on ",
                                                    QG.when(site.made), " from ",
                                                    QG.make("code", {}, site.history), ".");
    const theme = document.getElementById("theme"), saved = remembered();
    theme.value = saved === "light" || saved === "dark" ? saved : "auto";
    setTheme(theme.value);
    theme.addEventListener("change", chooseTheme);
    prefersDark.addEventListener("change", () => {
        setTheme(theme.value);
        redraw();
    });
    window.addEventListener("hashchange", show);
    document.querySelector(".jump").addEventListener("click", (event) => {
        event.preventDefault();  // the address belongs to the view
        main.focus();
    });
    show(null);
}

begin();
