#!/usr/bin/env python3
"""Turns terminal output with ANSI colours (standard input) into an SVG (standard output), for the README.

    script -qefc 'COLUMNS=80 build/quantgate run suites/quant/llama.yaml 2>/dev/null' /dev/null | tr -d '\\r' |
        awk '/measured without/ {skip = 1} /judgements/ {skip = 0} !skip' | scripts/picture.py > .github/run.svg
"""
import html
import re
import sys

COLOURS = {"30": "#6e7681", "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff",
           "35": "#d2a8ff", "36": "#76e3ea", "90": "#8b949e"}
CHAR, LINE, PAD = 8.4, 19, 16


def spans(line):
    """(text, colour, bold) pieces of one line."""
    colour, bold = None, False
    for piece in re.split(r"(\x1b\[[0-9;]*[A-Za-z])", line):
        code = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if code:
            for c in (code[1] or "0").split(";"):
                if c in ("", "0"):
                    colour, bold = None, False
                elif c == "1":
                    bold = True
                elif c in COLOURS:
                    colour = COLOURS[c]
        elif piece and not piece.startswith("\x1b"):
            yield piece, colour, bold


def last_state(line):
    """What a line shows once carriage returns have redrawn it."""
    return line.rstrip("\r").split("\r")[-1].replace("\x1b[K", "")


def main():
    lines = [last_state(x) for x in sys.stdin.read().split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    columns = max(len(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", x)) for x in lines)
    width, height = 2 * PAD + columns * CHAR, 2 * PAD + len(lines) * LINE
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
          f'height="{height}" role="img" aria-label="what quantgate prints">')
    print('<rect width="100%" height="100%" rx="8" fill="#0d1117"/>')
    print('<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="14" '
          'fill="#e6edf3">')
    for i, line in enumerate(lines):
        at = PAD
        for text, colour, bold in spans(line):
            style = (f' fill="{colour}"' if colour else "") + (' font-weight="bold"' if bold else "")
            print(f'<text x="{at:.1f}" y="{PAD + (i + 1) * LINE - 5}" textLength="{len(text) * CHAR:.1f}"'
                  f'{style}>{html.escape(text).replace(" ", "&#160;")}</text>')
            at += len(text) * CHAR
    print("</g></svg>")


main()
