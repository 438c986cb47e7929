# shellcheck shell=bash
# What a command must answer, counted: sourced by steps that are made of such proofs.
#   work=DIR                               before this file is sourced; $work/log is the command's output
#   expect CODE TEXT WHAT COMMAND...       the command must exit so and print the text (empty: any)
#   n, n_bad                               proofs so far, and those that failed
: "${work:?}"
n=0 n_bad=0
expect() {
    local code=0 want=$1 text=$2 what=$3
    shift 3
    "$@" >"$work/log" 2>&1 || code=$?
    n=$((n + 1))
    if [ "$code" = "$want" ] && { [ -z "$text" ] || grep -qF -- "$text" "$work/log"; }; then
        echo "ok    $what: exit code $code${text:+, $(grep -F -- "$text" "$work/log" | head -n 1 | sed 's/^ *//')}"
    elif [ "$want$code" = 10 ] && grep -qF 'the machine was busy' "$work/log"; then
        echo "ok    $what: not judged, the machine was busy"
    else
        n_bad=$((n_bad + 1))
        echo "FAIL  $what: exit code $code, wanted $want and '$text':"
        tail -n 40 "$work/log"
    fi
}
