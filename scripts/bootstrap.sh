#!/usr/bin/env bash
# Installs what quantgate needs on Debian 12/13 or Ubuntu 22.04/24.04, and only what is missing.
# usage: scripts/bootstrap.sh [--dev | --cuda | --only PACKAGE...]
#   (nothing)   the compiler and the libraries: what `make build/quantgate` and the program want
#   --dev       also what `make` and the tests want: Check, shellcheck, and build/venv with the
#               Python tools of ci/requirements.txt
#   --cuda      also what builds the CUDA backend: g++, and nvcc in build/cuda where no toolkit is installed
#   --only      these packages and no others: what a released program links with
# What apt fetches is kept in the folder $QUANTGATE_APT_CACHE, where that is set.
set -eu
cd "$(dirname "$0")/.."

# liblapacke and OpenBLAS are opened at run time, by src/quantize/factor.c alone; Chart.js goes into the program
build_packages=(gcc libc6-dev make pkg-config git libjansson-dev libyaml-dev libpcre2-dev
    libutf8proc-dev libssl-dev libxml2-dev libsqlite3-dev liblapacke libopenblas0-pthread libjs-chart.js)
# groff, mandoc and man look at the manual page; qemu is a CPU without AVX2; jq and curl are what workflows use
dev_packages=(check python3 python3-venv shellcheck ccache jq curl libxml2-utils groff-base mandoc man-db qemu-user)
# a browser for the pages of the dashboard; Ubuntu has none as a package, GitHub's runners have Chrome
if ! command -v google-chrome >/dev/null && grep -qx 'ID=debian' /etc/os-release; then
    dev_packages+=(chromium)
fi

say() { echo "bootstrap: $*"; }
die() {
    echo "bootstrap: $*" >&2
    exit 3
}

case ${1:-} in
'') packages=("${build_packages[@]}") ;;
--dev) packages=("${build_packages[@]}" "${dev_packages[@]}") ;;
--cuda) packages=("${build_packages[@]}" g++ python3 python3-venv) ;;
--only)
    shift
    packages=("$@")
    set -- --only
    ;;
-h | --help) sed -n '2,10s/^# //p' "$0" && exit 0 ;;
*) echo "bootstrap: unknown option '$1'; see scripts/bootstrap.sh --help" >&2 && exit 2 ;;
esac

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "'${missing[*]}' must be installed; run this as root, or install sudo"
    fi
}

command -v apt-get >/dev/null ||
    die "no apt here; install the equivalents of these yourself: ${packages[*]}"
missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    say "installing ${missing[*]}"
    log=$(mktemp)
    kept=()
    if [ -n "${QUANTGATE_APT_CACHE:-}" ]; then
        mkdir -p "$QUANTGATE_APT_CACHE/partial"
        kept=(-o Dir::Cache::Archives="$QUANTGATE_APT_CACHE" -o APT::Keep-Downloaded-Packages=true)
    fi
    apt() {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "${kept[@]}" "$@" >"$log" 2>&1 || {
            cat "$log" >&2
            die "'apt-get $1' failed, its output is above"
        }
    }
    apt update
    apt install -y --no-install-recommends "${missing[@]}"
    rm "$log"
    # apt's own, which others may not read
    [ ${#kept[@]} = 0 ] || as_root rm -rf "$QUANTGATE_APT_CACHE/lock" "$QUANTGATE_APT_CACHE/partial"
else
    say "all ${#packages[@]} packages are installed"
fi

# The lists say what a folder holds.
if [ "${1:-}" = --cuda ]; then
    if command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ]; then
        say "an nvcc is installed"
    elif cmp -s ci/cuda-requirements.txt build/cuda-packages/requirements.txt; then
        say "build/cuda is up to date"
    else
        say "making build/cuda with $(grep -v '^#' ci/cuda-requirements.txt | tr '\n' ' ')"
        rm -rf build/cuda build/cuda-packages build/cuda-venv
        python3 -m venv build/cuda-venv
        build/cuda-venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target build/cuda-packages \
            -r ci/cuda-requirements.txt || die "pip could not install ci/cuda-requirements.txt"
        rm -rf build/cuda-venv
        ln -s cuda-packages/nvidia/cu13 build/cuda
        cp ci/cuda-requirements.txt build/cuda-packages/requirements.txt
    fi
fi
[ "${1:-}" = --dev ] || exit 0

if cmp -s ci/requirements.txt build/venv/requirements.txt; then
    say "build/venv is up to date"
else
    say "making build/venv with $(grep -v '^#' ci/requirements.txt | tr '\n' ' ')"
    rm -rf build/venv
    python3 -m venv build/venv
    build/venv/bin/pip install --quiet --disable-pip-version-check -r ci/requirements.txt ||
        die "pip could not install ci/requirements.txt"
    cp ci/requirements.txt build/venv/requirements.txt
fi
