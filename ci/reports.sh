#!/usr/bin/env bash
# Writes every form of three runs and reads each by the readers that people use: the golden record, one whose names try
# to break out of every form, and one of 10,000 cases. Then folders that cannot be written.
set -u
cd "$(dirname "$0")/.." || exit
PATH=$PWD/build/venv/bin:$PATH
program=$(realpath "${QG_PROGRAM:-build/quantgate}")
golden=golden/reports
[ -x "$program" ] || {
    echo "reports: no program '$program'; run 'make'"
    exit 1
}
python3 -c 'import cmarkgfm, junitparser, prometheus_client, pytest, sarif' 2>/dev/null || {
    echo "the readers of ci/requirements.txt are not installed; run scripts/bootstrap.sh --dev"
    exit 77
}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
n_failed=0
# expect CODE WHAT COMMAND...
expect() {
    local wanted=$1 what=$2 code=0
    shift 2
    "$@" >"$work/out" 2>"$work/err" || code=$?
    [ $code = "$wanted" ] && return
    n_failed=$((n_failed + 1))
    echo "FAILED $what: exit $code, not $wanted"
    cat "$work/err"
}

python3 ci/reports/big.py $golden/run.json "$work/big.json" || exit
for record in $golden/run.json $golden/hostile.json "$work/big.json"; do
    expect 0 "report $record" "$program" report "$record" --out "$work/$(basename "$record" .json)"
done
for day in 1 2 3; do # the ppl of earlier runs: 6.1, 6.2, 6.3
    sed "s/2026-01-31T23/2026-01-0${day}T23/; s/\"value\": *6.4057/\"value\":6.$day/" $golden/run.json >"$work/$day.json"
done
expect 0 'a history of earlier runs' "$program" history import "$work/runs.db" "$work"/[123].json
expect 0 'a report beside it' "$program" report $golden/run.json --history "$work/runs.db" --out "$work/later"
expect 0 'which shows them' grep -F 'earlier runs and this one: ▁▃▆█ +3.32 %' "$work/later/summary.md" # 6.4057 / 6.2
expect 3 'a folder that is a file' "$program" report $golden/run.json --out $golden/run.json
expect 3 'a folder below a file' "$program" report $golden/run.json --out $golden/run.json/below
mkdir "$work/closed"
chmod a-w "$work/closed"
if [ ! -w "$work/closed" ]; then # root may write there all the same
    expect 3 'a folder without permission' "$program" report $golden/run.json --out "$work/closed"
fi
expect 3 'a disk that is full' bash -c "ulimit -f 8; trap '' XFSZ; '$program' report $golden/run.json --out '$work/full'"
expect 1 'and nothing of it is left' bash -c "ls '$work/full' | grep ."

python3 -B ci/reports/check.py $golden/run.json "$work/run" $golden/hostile.json "$work/hostile" \
    "$work/big.json" "$work/big" && [ $n_failed = 0 ]
