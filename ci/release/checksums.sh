#!/usr/bin/env bash
# Writes DIR/SHA256SUMS over the archives in DIR and DIR/notes.md, which is this version's part of the changelog.
# usage: ci/release/checksums.sh DIR
set -eu
cd "$(dirname "$0")/../.."
dir=$1
version=$(sed -n 's/^VERSION *:= *//p' Makefile)
(cd "$dir" && sha256sum -- *.tar.gz | tee SHA256SUMS)
awk -v version="$version" '/^## / { on = $2 == version || $2 == version ","; next } on' CHANGELOG.md >"$dir/notes.md"
[ -s "$dir/notes.md" ] || {
    echo "release: the changelog says nothing of $version" >&2
    exit 2
}
