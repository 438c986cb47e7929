#!/usr/bin/env bash
# What a hosted runner needs for ci/gate.sh: the packages of bootstrap.sh, the compiler $COMPILER (gcc or clang), and
# ccache before it for the steps that follow. What apt fetches is kept in ~/.cache/quantgate-apt, for the cache.
set -eu
cd "$(dirname "$0")/.."
packages=(ccache)
case ${COMPILER:=gcc} in
gcc) ;;
clang) packages+=(clang libomp-dev) ;;
*)
    echo "toolchain: COMPILER is gcc or clang" >&2
    exit 2
    ;;
esac
export QUANTGATE_APT_CACHE=$HOME/.cache/quantgate-apt
scripts/bootstrap.sh --dev
scripts/bootstrap.sh --only "${packages[@]}"
echo "CC=ccache $COMPILER" >>"$GITHUB_ENV"
"$COMPILER" --version
