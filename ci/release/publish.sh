#!/usr/bin/env bash
# Publishes the archives and checksums in DIR as the release of $TAG, which must be the Makefile's version.
# usage: ci/release/publish.sh DIR          (GH_TOKEN with `contents: write`, TAG)
set -eu
cd "$(dirname "$0")/../.."
dir=$1
version=v$(sed -n 's/^VERSION *:= *//p' Makefile)
[ "$TAG" = "$version" ] || {
    echo "release: the tag is not the Makefile's $version" >&2
    exit 2
}
gh release create "$TAG" --repo "$GITHUB_REPOSITORY" --verify-tag --title "quantgate ${version#v}" --notes-file "$dir/notes.md" \
    "$dir"/*.tar.gz "$dir/SHA256SUMS"
