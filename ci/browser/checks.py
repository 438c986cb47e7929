"""What is true of every page: contrast, labels, landmarks, width. Each function returns what is wrong, as a list."""

# Text with its own colours against what it stands on (WCAG 2.2, 1.4.3), walked through in the page.
CONTRAST = """() => {
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, text = walker.currentNode.data.trim(), box = e.getBoundingClientRect();
    if (!text || e.closest("script,noscript,.unseen,svg,option") || !box.width || !box.height) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(text.slice(0, 40) + ": " + ratio.toFixed(2));
  }
  return [...new Set(bad)];
}"""

NAMES = """() => {
  const bad = [], all = (q) => [...document.querySelectorAll(q)];
  for (const e of all("select,input")) if (!e.labels.length || !e.labels[0].textContent.trim()) bad.push("no label: " + e.id);
  for (const e of all("a,button,summary")) if (!(e.getAttribute("aria-label") || e.textContent).trim()) bad.push("no name: " + e.outerHTML.slice(0, 80));
  for (const e of all("canvas,svg[role=img],[role=region]")) if (!e.getAttribute("aria-label")) bad.push("no label: " + e.outerHTML.slice(0, 80));
  for (const e of all("svg:not([role=img])")) if (e.getAttribute("aria-hidden") !== "true") bad.push("a picture that is neither hidden nor named");
  for (const e of all("table")) if (!e.caption || !e.caption.textContent) bad.push("a table without caption");
  for (const e of all("thead th")) if (e.scope !== "col") bad.push("a heading without scope: " + e.textContent);
  for (const e of all("tbody tr")) if (!e.querySelector("th[scope=row]")) bad.push("a row without heading");
  for (const e of all("canvas")) if (!e.closest("section").querySelector("table,details")) bad.push("a chart without table");
  return bad;
}"""

STRUCTURE = """() => {
  const bad = [], count = (q) => document.querySelectorAll(q).length;
  if (document.documentElement.lang !== "en") bad.push("lang is " + document.documentElement.lang);
  if (!document.title.includes(" · ")) bad.push("title is " + document.title);
  for (const q of ["header", "nav[aria-label]", "main", "footer", "h1", "a[aria-current=page]"]) if (count(q) !== 1) bad.push(count(q) + " of " + q);
  let level = 0;
  for (const h of document.querySelectorAll("h1,h2,h3,h4")) {
    const own = Number(h.tagName[1]);
    if (own > level + 1) bad.push("heading jumps to " + h.tagName + ": " + h.textContent);
    level = own;
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  if (new Set(ids).size !== ids.length) bad.push("an id twice");
  return bad;
}"""

# Targets go to a view, to http, or to the licences beside the page.
LINKS = """() => [...document.querySelectorAll("a")].map((a) => a.getAttribute("href"))
  .filter((href) => !/^(#|https?:\\/\\/|licences\\.txt$)/.test(href))"""

OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

# Whether a chart shows more than its ground: colours that differ.
DRAWN = """(canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
  return seen.size;
}"""


def everywhere(page):
    wrong = page.evaluate(CONTRAST) + page.evaluate(NAMES) + page.evaluate(STRUCTURE)
    return wrong + [f"link to {href}" for href in page.evaluate(LINKS)]
