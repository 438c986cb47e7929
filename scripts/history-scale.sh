#!/usr/bin/env bash
# Fills a history with many runs, as gates append them, and prints how long appends and queries take and what the file
# weighs. Needs 200 MB and minutes for 100,000 runs; of them every hundredth has 24 cases of 40 metrics, the others one.
# usage: scripts/history-scale.sh [RUNS [FOLDER]]           (100000 runs, in a temporary folder)
set -eu
cd "$(dirname "$0")/.."
runs=${1:-100000}
folder=$(mktemp -d -p "${2:-${TMPDIR:-/tmp}}" qg-history-XXXXXX)
trap 'rm -rf "$folder"' EXIT
make -s build/history-scale
build/history-scale "$folder/history.db" "$runs"
