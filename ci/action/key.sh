#!/usr/bin/env bash
# Names what a build from source would be, for the cache: the sources, the compiler and the system that it links with.
# A release needs no cache. Writes `key` to $GITHUB_OUTPUT; reads $VERSION.
set -eu
cd "$(dirname "$0")/../.."
case ${VERSION:-} in
'' | source) ;;
*) exit 0 ;;
esac
# shellcheck source=/dev/null
. /etc/os-release
sum=$({
    find Makefile src kernels -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    echo "$ID $VERSION_ID $(uname -m)"
    ${CC:-cc} --version 2>/dev/null || true
    "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)" --version 2>/dev/null || true
} | sha256sum)
echo "key=quantgate-${sum:0:40}" | tee -a "$GITHUB_OUTPUT"
