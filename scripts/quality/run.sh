#!/usr/bin/env bash
# Quantizes one model with quantgate and with the other tools, on the same calibration windows, and
# compares them all: OUT/table.md. A folder that has its facts beside it (FOLDER.json) is not made
# again. Exit code of compare.py: 1 if a claim does not hold.
# usage: scripts/quality/run.sh MODEL_DIR OUT [CALIBRATION] [VENVS]
#        GROUPS_4BIT="128 64" METHODS="rtn int8 gptq awq" TOOLS="gptqmodel autoawq llmcompressor"
#        THREADS=2 SAMPLES=128 WINDOW=512 VALIDATION=suites/data/validation.txt
#        in the environment change what is made, and the text on which it is measured
set -eu
model=$(realpath "${1:?usage: scripts/quality/run.sh MODEL_DIR OUT [CALIBRATION] [VENVS]}")
out=$(realpath -m "${2:?where to put the folders}")
cd "$(dirname "$0")/../.."
calibration=$(realpath "${3:-suites/data/calibration.txt}")
venvs=$(realpath "${4:-build/venvs}")
groups=${GROUPS_4BIT:-128 64}
methods=${METHODS:-rtn int8 gptq awq}
tools=${TOOLS:-gptqmodel autoawq llmcompressor}
export OMP_WAIT_POLICY=PASSIVE # the machine may be shared
shared="--threads ${THREADS:-2} --samples ${SAMPLES:-128} --window ${WINDOW:-512}"
mkdir -p "$out"

# make NAME VENV SCRIPT OPTIONS...: a folder, unless it is there
make() {
    local name=$1 python=$venvs/$2/bin/python script=scripts/quality/$3
    shift 3
    [ ! -e "$out/$name.json" ] || return 0
    echo "quality: making $name" >&2
    # shellcheck disable=SC2086
    "$python" "$script" "$model" "$calibration" "$out/$name" $shared "$@" >"$out/$name.log" 2>&1 || {
        tail -n 5 "$out/$name.log" >&2
        echo "quality: $name failed, see $out/$name.log" >&2
    }
}

has() {
    [[ " $1 " == *" $2 "* ]]
}

ours() {
    make "$1" transformers make_quantgate.py "${@:2}"
}

if has "$methods" int8; then
    ours quantgate-int8 --method int8
fi
for g in $groups; do
    if has "$methods" rtn; then
        ours "quantgate-rtn-g$g-sym" --method rtn --group "$g"
        ours "quantgate-rtn-g$g-asym" --method rtn --group "$g" --asym
    fi
    if has "$methods" gptq; then
        ours "quantgate-gptq-g$g" --method gptq --group "$g"
        ours "quantgate-gptq-g$g-act" --method gptq --group "$g" --act-order
    fi
    if has "$methods" awq; then
        ours "quantgate-awq-g$g" --method awq --group "$g"
    fi
done

if has "$tools" llmcompressor && has "$methods" int8; then
    make llmcompressor-int8 llmcompressor make_llmcompressor.py --method int8
fi
for g in $groups; do
    for method in gptq awq; do
        has "$methods" $method || continue
        if has "$tools" llmcompressor; then
            make "llmcompressor-$method-g$g" llmcompressor make_llmcompressor.py --method $method \
                --group "$g"
        fi
    done
    if has "$tools" gptqmodel && has "$methods" gptq; then
        make "gptqmodel-gptq-g$g" gptqmodel make_gptqmodel.py --group "$g"
        make "gptqmodel-gptq-g$g-act" gptqmodel make_gptqmodel.py --group "$g" --act-order
    fi
    if has "$tools" autoawq && has "$methods" awq; then
        make "autoawq-awq-g$g" autoawq make_autoawq.py --group "$g"
    fi
done

folders=()
for facts in "$out"/*.json; do
    folders+=("${facts%.json}")
done
"$venvs/transformers/bin/python" scripts/quality/compare.py "$model" "${folders[@]}" \
    --text "${VALIDATION:-suites/data/validation.txt}" --window "${WINDOW:-512}" \
    --answers "$out/answers" -o "$out/table.md" && code=0 || code=$?
cat "$out/table.md"
exit "$code"
