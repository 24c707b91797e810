#!/usr/bin/env bash
# The rules of style that a machine can check: formatting and file sizes; with --tidy also clang-tidy (minutes).
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t sources < <(find proxy config tests -path '*/node_modules' -prune -o \( -name '*.cc' -o -name '*.h' \) -print)
clang-format --dry-run -Werror "${sources[@]}"

mapfile -t sized < <(find proxy config tests deploy -path '*/node_modules' -prune -o -type f \
  \( -name '*.cc' -o -name '*.h' -o -name '*.py' -o -name '*.mjs' -o -name '*.go' -o -name '*.java' -o -name '*.sh' \) -print)
wc -l "${sized[@]}" | awk '$2 != "total" && $1 > 400 { print $2 " has " $1 " lines, more than 400"; long = 1 } END { exit long }'

if [ "${1:-}" = --tidy ]; then
  cmake --preset dev -DWSKEEP_WERROR=ON >/dev/null
  find proxy config -name '*.cc' -print0 | xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build/dev
fi
