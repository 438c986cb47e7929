#!/usr/bin/env bash
# The dashboard of a history in a real Chromium: what it shows, its links and filters, keyboard, contrast, hostile names,
# and that it asks nobody for anything. ci/browser/records.py says what is in the history, pages.py what must be seen.
set -eu
cd "$(dirname "$0")/.."
program=build/quantgate
python=build/venv/bin/python
chromium=$(command -v chromium || command -v google-chrome || command -v google-chrome-stable || true)
[ -n "$chromium" ] || {
    echo "no chromium or google-chrome here: scripts/bootstrap.sh --dev installs one on Debian"
    exit 77
}
$python -c 'import playwright' 2>/dev/null || {
    echo "browser: no playwright; run scripts/bootstrap.sh --dev"
    exit 1
}
work=build/ci/browser
rm -rf $work
mkdir -p $work
$python ci/browser/records.py $program $work
dashboard() {
    local name=$1
    shift
    $program dashboard --history "$work/$name.db" -o "$work/$name" "$@"
}
dashboard gate --coverage $work/old.json --coverage $work/new.json --kcheck $work/kcheck.csv \
    --commit-url https://example.com/commit/
dashboard hostile --title '<script>window.pwned=1</script>'
dashboard empty --suite nothing-has-this-name
$python ci/browser/pages.py "$chromium" $work/gate $work/hostile $work/empty
