#!/usr/bin/env bash
# Draws the dashboard of $HISTORY into $SITE, with coverage where it was counted. Outputs `history`, where the file is
# whole and worth keeping, and `site`, where there is something to publish.
set -eu
cd "$(dirname "$0")/../.."
coverage=()
[ ! -e build/coverage/coverage.json ] || coverage+=(--coverage build/coverage/coverage.json)
[ ! -e build/coverage/kernels.csv ] || coverage+=(--kcheck build/coverage/kernels.csv)
quantgate history check "$HISTORY"
echo "history=$HISTORY" >>"$GITHUB_OUTPUT"
quantgate dashboard --history "$HISTORY" "${coverage[@]}" -o "$SITE"
echo "site=$SITE" >>"$GITHUB_OUTPUT"
