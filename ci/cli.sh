#!/usr/bin/env bash
# Transcripts: runs each ci/cli/CASE.sh with the program as `quantgate` in the repository's root and compares what it
# prints with CASE.out.exact and CASE.err.exact. $T is a fresh folder, whose name reads T in the transcripts.
# usage: ci/cli.sh [--set-exact-output] [CASE...]          QG_PROGRAM names another build than build/quantgate
set -u
cd "$(dirname "$0")/.." || exit
program=$(realpath "${QG_PROGRAM:-build/quantgate}")
rewrite=0
[ "${1:-}" = --set-exact-output ] && rewrite=1 && shift
[ -x "$program" ] || {
    echo "cli: no program '$program'; run 'make'"
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$program" "$work/bin/quantgate"

n=0 n_bad=0
for script in ci/cli/*.sh; do
    name=$(basename "$script" .sh)
    [[ $# == 0 || " $* " == *" $name "* ]] || continue
    n=$((n + 1))
    mkdir "$work/$name"
    env -i PATH="$work/bin:/usr/bin:/bin" HOME="$work" TMPDIR="$work" T="$work/$name" LC_ALL=C.UTF-8 COLUMNS=80 \
        ASAN_OPTIONS="${ASAN_OPTIONS:-}" bash "$script" \
        >"$work/$name.out" 2>"$work/$name.err" </dev/null
    sed -i "s#$work/$name#T#g" "$work/$name.out" "$work/$name.err"
    for stream in out err; do
        exact=ci/cli/$name.$stream.exact
        if [ $rewrite = 1 ]; then
            cp "$work/$name.$stream" "$exact"
        elif ! diff -u --label "$exact" --label "$name printed" "$exact" "$work/$name.$stream"; then
            n_bad=$((n_bad + 1))
        fi
    done
done
[ $n -gt 0 ] || n_bad=1
echo "cli: $n transcripts, $n_bad differences"
[ $n_bad = 0 ]
