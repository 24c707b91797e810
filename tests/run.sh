#!/usr/bin/env bash
# Installs, builds and runs every test on a bare Debian 12 (as root, or with sudo). Idempotent.
#
#   tests/run.sh             the dev, asan and tsan presets
#   tests/run.sh dev [...]   only these; arguments behind `--` go to ctest, e.g. tests/run.sh dev -- -R pings
set -euo pipefail
cd "$(dirname "$0")/.."

presets=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do presets+=("$1"); shift; done
[ "${1:-}" = -- ] && shift
[ ${#presets[@]} -gt 0 ] || presets=(dev asan tsan)

groups=(build test)
# The runtimes are measured without sanitizers only.
for preset in "${presets[@]}"; do
  case "$preset" in dev | release) groups+=(runtimes); break ;; esac
done
deploy/install-packages.sh "${groups[@]}"
# `ci` installs exactly what the lock file names; no install scripts are needed, the runtimes are plain binaries.
(cd tests/integration && npm ci --ignore-scripts --no-audit --no-fund)

for preset in "${presets[@]}"; do
  echo "== $preset"
  cmake --preset "$preset" -DWSKEEP_WERROR=ON -DWSKEEP_RUNTIMES=ON >/dev/null
  cmake --build --preset "$preset"
  ctest --preset "$preset" --parallel "$(nproc)" "$@"
done
