# A stored run in every form, and judged again by a suite that it does not fit.
quantgate report golden/reports/run.json --out "$T/report" >/dev/null
echo "exit $?"
for file in junit.xml run.json run.csv summary.md annotations.txt report.html results.sarif \
    metrics.prom ghbench-smaller.json ghbench-bigger.json bmf.json; do
    cmp "$T/report/$file" golden/reports/$file && echo "$file is as blessed"
done
quantgate judge golden/reports/run.json suites/smoke.yaml >/dev/null
echo "exit $?"
