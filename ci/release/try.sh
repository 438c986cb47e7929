#!/usr/bin/env bash
# Tries the archive in DIR as a user of the action has it: fetched with its checksum, installed, and a case judged by it.
# usage: ci/release/try.sh DIR
set -eu
cd "$(dirname "$0")/../.."
dir=$(realpath "$1")
version=v$(sed -n 's/^VERSION *:= *//p' Makefile)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/releases/$version" "$work/temp"
cp "$dir"/*.tar.gz "$work/releases/$version"
(cd "$work/releases/$version" && sha256sum -- *.tar.gz >SHA256SUMS)
RUNNER_TEMP=$work/temp GITHUB_PATH=$work/path VERSION=$version RELEASES=file://$work/releases ci/action/install.sh
program=$(cat "$work/path")/quantgate
"$program" run suites/smoke.yaml --only '*/quality' --out "$work/report"
[ -e "$work/temp/quantgate/share/man/man1/quantgate.1" ]
echo "release: $version installs and judges here"
