# Two records made by hand, one 10 % slower and one byte bigger, side by side; on other machines; in other forms; broken.
golden=$PWD/golden
cd "$T" || exit
# record FACTOR BYTES FINGERPRINT
record() {
    local samples='' speeds=''
    for i in $(seq 1 60); do
        samples+="${samples:+,}$(awk "BEGIN { printf \"%d\", $1 * (1e6 + 700 * ($i * 37 % 61)) }")"
        speeds+="${speeds:+,}$(awk "BEGIN { printf \"%d\", (900 + 37 * $i % 61) }")"
    done
    cat <<JSON
{"schema":2,"verdict":"pass","exit_code":0,"version":"0.1.0","commit":"abc","suite":"two","suite_hash":"h","reference":"fp16","started":"2026-01-01T00:00:00Z","machine":{"cpu":"EPYC","tier":"avx2","n_threads":2,"compiler":"gcc","device":"cpu","fingerprint":"$3"},"cases":[{"id":"fp16/perf/b1","model":"fp16","method":"fp16","device":"cpu","kind":"performance","batch":1,"input_len":64,"output_len":16,"state":"measured","series":[{"name":"tpot","samples":[$samples]},{"name":"throughput","samples":[$speeds]}],"scalars":[{"metric":"memory_peak","value":$2,"n":1},{"metric":"weights","value":7349248,"n":1}]}]}
JSON
}
record 1 12582912 f >a.json
record 1.1 12582913 f >b.json
record 1.1 12582912 g >c.json
try() {
    quantgate compare "$@"
    echo "exit $?"
}
try a.json b.json
try b.json a.json --all --confidence 99
try a.json c.json --format markdown
# Numbers to six digits: what passes through exp and log may differ in the last.
quantgate compare a.json b.json --json | python3 -c '
import json, sys
def short(v):
    if isinstance(v, dict): return {k: short(w) for k, w in v.items()}
    if isinstance(v, list): return [short(w) for w in v]
    return float("%.6g" % v) if isinstance(v, float) else v
print(json.dumps(short(json.load(sys.stdin)), indent=1))'
try a.json a.json --only 'fp16/*'
try a.json b.json --only 'int8/*'
try a.json
try a.json "$golden/reports/run.json" --only '*/b2'
sed 's/"schema":2/"schema":3/' a.json >newer.json
try newer.json a.json
head -c 500 a.json >cut.json
try a.json cut.json
