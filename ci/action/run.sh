#!/usr/bin/env bash
# Judges suites, or folds the parts of one, and tells GitHub: annotations, summary, and the outputs `verdict`, `exit-code`,
# `report` and `summary`. Ends with 0 whatever the verdict, so that what was found can be kept before verdict.sh fails.
# Everything that a caller wrote comes as a variable and goes on as one argument:
#   SUITE (one a line) or PARTS (a folder), DEVICE, GATE, BASELINE, HISTORY, ARGS (words), OUT, ANNOTATIONS, SUMMARY, RETRIES
set -u
program=$(command -v quantgate || echo "$RUNNER_TEMP/quantgate/bin/quantgate")
out=${OUT:-quantgate-report}
names=(pass fail invalid error inconclusive)

# answer CODE: the outputs. A folder's name of several lines would be more outputs than one.
answer() {
    {
        echo "verdict=${names[$1]}"
        echo "exit-code=$1"
        [[ $out == *$'\n'* ]] || printf 'report=%s\nsummary=%s/summary.md\n' "$out" "$out"
    } >>"$GITHUB_OUTPUT"
    exit 0
}
# refuse TEXT: the caller's mistake, before anything is measured.
refuse() {
    printf '::error title=quantgate::%s\n' "${*//[$'%\r\n']/ }"
    answer 2
}

# The words of $ARGS: xargs knows quotes and backslashes and expands nothing.
words=()
if [ -n "${ARGS:-}" ]; then
    list=$(mktemp "$RUNNER_TEMP/args.XXXXXX")
    xargs -r printf '%s\0' <<<"$ARGS" >"$list" || refuse "args has a quote that does not end"
    mapfile -d '' -t words <"$list"
fi
[[ ${RETRIES:-0} =~ ^[0-5]$ ]] || refuse "retries is no number from 0 to 5"
[[ $out != *$'\n'* && -n $out ]] || refuse "out is no folder's name"

subjects=()
if [ -n "${PARTS:-}" ]; then
    mapfile -d '' -t subjects < <(find "$PARTS" -name run.json -type f -print0 2>/dev/null | LC_ALL=C sort -z)
    [ ${#subjects[@]} -gt 0 ] || refuse "there is no run.json below '$PARTS'"
    command=(merge)
else
    mapfile -t lines <<<"${SUITE:-}"
    for line in "${lines[@]}"; do
        line=${line%$'\r'}
        [ -z "${line//[[:blank:]]/}" ] || subjects+=("$line")
    done
    [ ${#subjects[@]} -gt 0 ] || refuse "there is no suite"
    command=(run)
    [ -z "${DEVICE:-}" ] || command+=("--device=$DEVICE")
fi
[ -z "${GATE:-}" ] || command+=("--gate=$GATE")
[ -z "${BASELINE:-}" ] || command+=("--baseline=$BASELINE")
[ -z "${HISTORY:-}" ] || command+=("--history=$HISTORY")
command+=("${words[@]}" "--out=$out" --)

# What the program says is text, whatever it looks like: GitHub is told from its files, once the last try is over.
# A signal of a job that is cancelled goes to the program, which keeps what it has measured; as SIGTERM, since a shell's
# children in the background are deaf to SIGINT.
said=$RUNNER_TEMP/said.$$
mkfifo "$said.pipe"
once() {
    local token pid reader code=0
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    echo "::stop-commands::$token"
    tee "$said" <"$said.pipe" >&2 &
    reader=$!
    env -u GITHUB_ACTIONS "$program" "${command[@]}" "${subjects[@]}" 2>"$said.pipe" &
    pid=$!
    trap 'stopped=1; kill -TERM "$pid" 2>/dev/null' INT TERM
    wait "$pid" || code=$?
    while kill -0 "$pid" 2>/dev/null; do # a signal ends `wait`, not the program
        code=0
        wait "$pid" || code=$?
    done
    trap - INT TERM
    wait "$reader"
    printf '\n::%s::\n' "$token"
    return "$code"
}

# Where the reports of each subject come: with several suites a folder each has its name.
folders=("$out")
if ((${#subjects[@]} > 1)) && [ "${command[0]}" = run ]; then
    folders=()
    for subject in "${subjects[@]}"; do
        name=${subject%/}
        name=${name##*/}
        folders+=("$out/${name%.yaml}")
    done
fi

stopped=0 try=0
while true; do
    for folder in "${folders[@]}" "$out"; do # of an earlier run
        rm -f -- "$folder"/{run.json,summary.md,annotations.txt}
    done
    once
    code=$?
    ((code <= 4)) || code=3 # killed, or not there at all
    ((code == 3 && try < ${RETRIES:-0} && stopped == 0)) || break
    try=$((try + 1))
    echo "::warning title=quantgate::The machine failed (exit code 3); try $((try + 1)) of $((RETRIES + 1))"
done

# escaped TEXT: as a workflow command holds it; escaped TEXT property: in its properties.
escaped() {
    local text=$1
    text=${text//'%'/%25}
    text=${text//$'\r'/%0D}
    [ "${2:-}" != property ] || { text=${text//:/%3A} && text=${text//,/%2C}; }
    printf '%s' "$text"
}
# What the suite was refused for, where nothing was measured: FILE:LINE:COLUMN: error: TEXT, or quantgate: TEXT.
mistakes() {
    local line
    while IFS= read -r line; do
        if [[ $line =~ ^(.+):([0-9]+):([0-9]+):\ error:\ (.*)$ ]]; then
            echo "::error file=$(escaped "${BASH_REMATCH[1]}" property),line=${BASH_REMATCH[2]},col=${BASH_REMATCH[3]},title=quantgate::$(escaped "${BASH_REMATCH[4]}")"
        elif [[ $line == 'quantgate: '* ]]; then
            echo "::error title=quantgate::$(escaped "${line#quantgate: }")"
        fi
    done <"$said"
}
# GitHub shows ten of each level and step: nine, and how many more there are.
tell_annotations() {
    {
        cat -- "${folders[@]/%//annotations.txt}" 2>/dev/null
        ((code == 0 || code == 1 || code == 4)) || mistakes
    } | awk '
        { line[NR] = $0; level[NR] = $1; count[$1]++ }
        END {
            for (i = 1; i <= NR; i++)
                if (count[level[i]] <= 10 || ++shown[level[i]] < 10) print line[i]
            for (l in count)
                if (count[l] > 10) print l " title=quantgate::and " count[l] - 9 " more, see the log and the summary"
        }'
}
# It shows summaries of up to 1 MiB a step, and nothing of one that is longer.
tell_summary() {
    local room=$((1000 * 1024)) size folder
    for folder in "${folders[@]}"; do
        size=$(stat -c %s -- "$folder/summary.md" 2>/dev/null) || continue
        if ((size <= room)); then
            cat -- "$folder/summary.md"
            room=$((room - size))
        else
            printf '\nA summary is left out here, it is too long: see the artifact.\n\n'
        fi
    done
}
[ "${ANNOTATIONS:-true}" != true ] || tell_annotations
[ -e "$out/summary.md" ] || [ ! -d "$out" ] || tell_summary >"$out/summary.md"
[ "${SUMMARY:-true}" != true ] || [ -z "${GITHUB_STEP_SUMMARY:-}" ] || tell_summary >>"$GITHUB_STEP_SUMMARY"
answer "$code"
