#!/usr/bin/env bash
# The program with the libraries that it needs, in a folder that runs on another machine of the same kind of
# Linux where nothing is installed: build/bundle/quantgate. The C library is the other machine's.
# usage: scripts/bundle.sh [PROGRAM] [FOLDER]
set -eu
cd "$(dirname "$0")/.."
program=${1:-build/quantgate} folder=${2:-build/bundle}
rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib"
cp "$program" "$folder/bin/quantgate"
strip "$folder/bin/quantgate"
# LAPACKE is opened at run time, by `quantize` alone
lapacke=$(ldconfig -p | awk '$1 == "liblapacke.so.3" { print $NF; exit }')
for file in "$program" $lapacke; do
    ldd "$file" | awk '$2 == "=>" && $3 ~ "^/" { print $3 }'
done | sort -u | grep -vE '/(libc|libm|libdl|libpthread|librt|ld-linux[^/]*)\.so' | while read -r library; do
    cp -L "$library" "$folder/lib/"
done
[ -z "$lapacke" ] || cp -L "$lapacke" "$folder/lib/"
cat >"$folder/quantgate" <<'WRAPPER'
#!/bin/sh
here=$(dirname "$(realpath "$0")")
LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$here/bin/quantgate" "$@"
WRAPPER
chmod +x "$folder/quantgate"
du -sh "$folder" | awk '{ print "bundle: " $2 ", " $1 }'
