# Suites without and with mistakes, and what is no suite at all.
try() {
    quantgate lint "$@"
    echo "exit $?: lint $*"
}
quantgate lint --help
try suites/smoke.yaml
try suites/bad/many-mistakes.yaml
try suites/bad/wrong-type.yaml --json
try suites/smoke.yaml suites/bad/budget-without-input.yaml
try nowhere.yaml
printf 'version: 1\nmodels: {a: [\n' >"$T/broken.yaml"
try "$T/broken.yaml"
try
