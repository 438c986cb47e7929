#!/usr/bin/env bash
# Builds the archive of a release for the system at hand and prints its path. Two builds of one commit in one
# environment are the same bytes: nothing that debuggers read (it names folders), sorted names, the commit's time.
# usage: scripts/release.sh [DIR]          (build/release-archive)
set -eu
cd "$(dirname "$0")/.."
dir=${1:-build/release-archive}
version=$(sed -n 's/^VERSION *:= *//p' Makefile)
# shellcheck source=/dev/null
system=$(. /etc/os-release && echo "$(uname -m)-$ID$VERSION_ID")
name=quantgate-$version-$system
time=$(git log -1 --format=%ct)

if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    echo "release: there are changes that no commit holds" >&2
    exit 2
fi
# A tag is the version, or the release is about something else.
if [[ ${GITHUB_REF:-} == refs/tags/* && ${GITHUB_REF#refs/tags/} != "v$version" ]]; then
    echo "release: the tag is '${GITHUB_REF#refs/tags/}', the Makefile says 'v$version'" >&2
    exit 2
fi
mkdir -p "$dir"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
make -s -j"$(nproc)" PREFIX=/ DESTDIR="$stage/$name" install >&2
strip --strip-unneeded --remove-section=.note.gnu.build-id "$stage/$name/bin/quantgate"
install -D -m 644 -t "$stage/$name/share/doc/quantgate" README.md CHANGELOG.md LICENSE
# The packages that hold the libraries which it links with, and those that it opens while it runs.
{
    ldd "$stage/$name/bin/quantgate" | awk '$3 ~ /^\// { print $3 }' | xargs -n1 realpath | sort -u | while read -r library; do
        { dpkg -S "$library" || dpkg -S "${library#/usr}"; } 2>/dev/null || echo "no package holds '$library'" >&2
    done | cut -d: -f1
    echo liblapacke
    echo libopenblas0-pthread
} | sort -u | install -D -m 644 /dev/stdin "$stage/$name/share/quantgate/packages"
find "$stage" -exec touch -h -d "@$time" {} +
tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w --mtime="@$time" -cf - "$name" | gzip -9 -n >"$dir/$name.tar.gz"
echo "$dir/$name.tar.gz"
