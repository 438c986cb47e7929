# shellcheck shell=bash
# Commands side by side, each with a log of its own: sourced by steps whose parts use one core each.
#   logs=PREFIX              before this file is sourced
#   lane NAME COMMAND...     starts it; its log is PREFIX-NAME.log
#   finish                   waits for all; the log of one that failed is printed, and the answer is 1
: "${logs:?}"
lanes=()
lane() {
    local name=$1
    shift
    "$@" >"$logs-$name.log" 2>&1 </dev/null &
    lanes+=("$name:$!")
}
finish() {
    local one bad=0
    for one in "${lanes[@]}"; do
        wait "${one#*:}" && continue
        bad=1
        tail -n 60 "$logs-${one%:*}.log"
        echo "'${one%:*}' failed, see $logs-${one%:*}.log"
    done
    lanes=()
    return $bad
}
end_lanes() {
    local one
    for one in "${lanes[@]}"; do kill "${one#*:}" 2>/dev/null; done
}
trap end_lanes EXIT
