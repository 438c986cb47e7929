#!/usr/bin/env bash
# Checks that every include obeys ci/layers.txt: rooms look down only, and a library is seen by its owner alone.
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC2016 # the dollars are awk's
find src kernels -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' | LC_ALL=C sort | xargs awk '
FILENAME == "ci/layers.txt" {
    if (/^header /) { owner[$2] = $0; sub(/^[^=]*= */, "", owner[$2]) }
    else if (/^[a-z]+:/) { room = $1; sub(":", "", room); for (i = 2; i <= NF; i++) may[room, $i] = 1; known[room] = 1 }
    next
}
FNR == 1 {
    split(FILENAME, part, "/"); room = part[1] == "kernels" ? "kernels" : part[2]
    test = FILENAME ~ /(_check\.[ch]|_kcheck\.c|check_main\.c)$/; main_file = FILENAME ~ /^src\/[^\/]*$/
    if (!main_file && !(room in known)) { print FILENAME ": room \"" room "\" is not in ci/layers.txt"; bad = 1 }
}
/^[ \t]*#[ \t]*include[ \t]+"/ {
    split($0, q, "\""); h = q[2]
    if (h == "check_suites.h" || h == "kcheck_cases.h" || h == "build_info.h") next
    split(h, r, "/")
    if (h !~ /\//) { print FILENAME ":" FNR ": include \"" h "\" is not rooted"; bad = 1; next }
    if (test || main_file || r[1] == room || ((room, r[1]) in may) || ((room, h) in may)) next
    print FILENAME ":" FNR ": " room " may not include \"" h "\""; bad = 1
}
/^[ \t]*#[ \t]*include[ \t]+</ {
    h = $0; sub(/^[^<]*</, "", h); sub(/>.*/, "", h)
    for (lib in owner) if (index(h, lib) == 1) {
        n = split(owner[lib], o, " "); fine = 0
        for (i = 1; i <= n; i++) if (index(FILENAME, o[i])) fine = 1
        if (!fine) { print FILENAME ":" FNR ": <" h "> belongs to " owner[lib]; bad = 1 }
    }
}
END { if (!bad) print "layers: every include looks down"; exit bad }' ci/layers.txt
