# A history of runs made by hand: taken in, asked for as tables, JSON and CSV, a change in it, pruned, checked, mistakes.
cp golden/reports/run.json "$T/release.json"
cd "$T" || exit
# record DAY MIB
record() {
    cat <<JSON
{"schema":2,"verdict":"pass","exit_code":0,"version":"0.1.0","commit":"abc","suite":"release","suite_file":"suite.yaml","suite_hash":"h","reference":"fp16","started":"2026-01-$1T08:30:00Z","seed":7,"machine":{"cpu":"EPYC","tier":"avx2","n_threads":2,"compiler":"gcc","device":"cpu","fingerprint":"f00dbeef1234"},"models":[{"name":"awq","path":"models/awq","family":"llama","method":"awq"}],"cases":[{"id":"awq/perf/b1","model":"awq","method":"awq","device":"cpu","kind":"performance","batch":1,"input_len":64,"output_len":16,"state":"measured","scalars":[{"metric":"memory_peak","value":$(($2 * 1048576)),"n":1},{"metric":"weights","value":7349248,"n":1}]}],"judgements":[{"case":"awq/perf/b1","metric":"memory_peak","basis":"budget","verdict":"pass","has_value":true,"has_limit":true,"value":$(($2 * 1048576)),"limit":13631488,"n":1}]}
JSON
}
mkdir runs
for day in 01 02 03 04 05 06; do record $day 11 >runs/$day.json; done
for day in 07 08 09 10 11 12; do record $day 12 >runs/$day.json; done
echo '{"not": "a record"}' >runs/other.json
try() {
    quantgate history "$@" | sed 's/[0-9.]* KiB/N KiB/g' # of a version of SQLite
    echo "exit ${PIPESTATUS[0]}"
}
try import history.db runs --branch main --commit 0123456789abcdef
try import history.db runs/01.json
try append history.db release.json --branch 'feature/<b>' --pin
try query history.db --last 3
try query history.db --suite 'rel*' --metric memory_peak --until 2026-02-01
try query history.db --only 'fp16/quality'
try query history.db --run 13 --json --only 'fp16/*' --metric golden_logprob_max
try query history.db --csv --last 1
try export history.db --last 1 --suite release --format csv
try export history.db --last 1 --suite release
try prune history.db --max-runs 5 --dry-run
try prune history.db --max-runs 5
try pin history.db 8
try check history.db
try check release.json
try query history.db --since '1 d'
try query absent.db
try purge history.db
try prune history.db
try append history.db runs/other.json
