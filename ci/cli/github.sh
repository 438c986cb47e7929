# What a step of a workflow prints: commands around the table, annotations, the summary; and without the variables.
hidden() { sed -E 's/(stop-commands::|^::)[0-9a-f]{32}/\1TOKEN/'; }
record=$PWD/golden/reports/run.json
cat >"$T/evil.json" <<'JSON'
{"schema":2,"verdict":"fail","exit_code":1,"suite":"::error::suite","suite_file":"gate/s.yaml","machine":{"device":"cpu"},"cases":[{"id":"::add-mask::x","model":"::set-output name=a::b","method":"fp16","device":"cpu","kind":"quality","state":"measured"}],"judgements":[{"case":"::add-mask::x","metric":"ppl","basis":"budget","verdict":"fail","exit_code":1,"exit_class":1,"has_value":true,"value":7,"has_limit":true,"limit":6,"message":"##[add-mask]x\r\n::warning file=a,line=1::no%0Athis, %25","file":"./a,b:c%/../gate/s.yaml","line":3,"column":9}]}
JSON
step() {
    GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY="$T/summary" GITHUB_WORKSPACE="$T" \
        GITHUB_SERVER_URL=https://github.com GITHUB_REPOSITORY=o/r GITHUB_SHA=0f "$@"
    echo "exit $?"
}
mkdir -p "$T/sub"
cd "$T/sub" || exit
step quantgate report "$T/evil.json" | hidden
grep -o '](https[^)]*)' "$T/summary"

echo '--- no variables: no commands, no summary'
rm "$T/summary"
quantgate report "$record" | grep -c '^::'
ls "$T"
echo '--- JSON is nothing but JSON'
step quantgate report "$record" --json | cut -c 1-13

echo '--- several reports of one step, until it is full'
for _ in $(seq 100); do step quantgate report "$record" >/dev/null 2>>"$T/notices"; done
sort -u "$T/notices"
size=$(stat -c %s "$T/summary")
[ "$size" -gt 900000 ] && [ "$size" -lt 1048576 ] && echo "the summary is under its limit"

echo '--- a summary that cannot be written'
GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=$T/none/summary quantgate report "$record" >/dev/null
echo "exit $?"
