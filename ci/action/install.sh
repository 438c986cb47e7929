#!/usr/bin/env bash
# Puts quantgate into $RUNNER_TEMP/quantgate and that on the PATH of later steps: an archive of a release, which must have
# its checksum, or what the action was checked out with, built here. What the cache brought is taken as it is.
# Reads $VERSION (a tag; empty or "source" builds), $CHECKSUM and $RELEASES (the address of the releases' files).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
prefix=$RUNNER_TEMP/quantgate
program=$prefix/bin/quantgate

# die CODE TEXT: nothing that a caller wrote may start a workflow command.
die() {
    local code=$1
    shift
    printf '::error title=quantgate is not installed::%s\n' "${*//[$'%\r\n']/ }"
    exit "$code"
}

# Debian's name of the system is a part of the archive's: the libraries of two releases have other names.
system() {
    # shellcheck source=/dev/null
    (. /etc/os-release && echo "$(uname -m)-$ID$VERSION_ID")
}

download() {
    local archive sums=$RUNNER_TEMP/SHA256SUMS want got
    [[ $VERSION =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || die 2 "version is no tag such as v0.1.0, nor 'source': '$VERSION'"
    [[ ${CHECKSUM:-} =~ ^([0-9a-f]{64})?$ ]] || die 2 "checksum is no SHA-256 of 64 hexadecimal digits"
    "$root/scripts/bootstrap.sh" --only curl ca-certificates
    archive=quantgate-${VERSION#v}-$(system).tar.gz
    fetch() { curl --fail --silent --show-error --location --proto '=https,file' --retry 3 --max-time 300 -o "$2" "$RELEASES/$VERSION/$1"; }
    want=${CHECKSUM:-}
    if [ -z "$want" ]; then
        fetch SHA256SUMS "$sums" || die 3 "cannot fetch the checksums of release $VERSION"
        want=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$sums")
        [ -n "$want" ] || die 2 "release $VERSION has no $archive; version 'source' builds it here"
    fi
    fetch "$archive" "$RUNNER_TEMP/$archive" || die 3 "cannot fetch $archive of release $VERSION"
    got=$(sha256sum "$RUNNER_TEMP/$archive" | cut -d' ' -f1)
    [ "$got" = "$want" ] || die 3 "$archive has checksum $got, $want is expected"
    mkdir -p "$prefix"
    tar -xzf "$RUNNER_TEMP/$archive" -C "$prefix" --strip-components=1 --no-same-owner
    mapfile -t packages <"$prefix/share/quantgate/packages"
    "$root/scripts/bootstrap.sh" --only "${packages[@]}"
}

build() {
    "$root/scripts/bootstrap.sh"
    if [ -x "$program" ]; then
        echo "install: the program is the cache's"
        return
    fi
    make -s -C "$root" -j"$(nproc)" install PREFIX="$prefix"
}

case ${VERSION:-} in
'' | source) build ;;
*) download ;;
esac
"$program" --version || die 3 "the program does not start here"
echo "$prefix/bin" >>"$GITHUB_PATH"
