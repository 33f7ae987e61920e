#!/usr/bin/env bash
# Fuzzes every decoder for a time, 30s or what is given: as many targets at
# once as there are cores, one worker each. Says a line a target, and all that
# go test says where one fails; then the status is not 0, and the input stands
# in testdata/fuzz of the target's package. What is only interesting goes to
# Go's build cache.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzz() { # time package target
  local out status=0
  out=$(go test -run '^$' -fuzz "^$3\$" -fuzztime "$1" -fuzzminimizetime 100x -parallel 1 "$2" 2>&1) || status=$?
  # At the end of its time go's own fuzzer may take its deadline for a failure
  # (golang/go#75804): one that found something says where it has put it.
  if ((status)) && [[ $out == *"context deadline exceeded"* && $out != *"Failing input written"* ]]; then
    status=0
  fi
  if ((status)); then
    printf '%s\n' "fuzz $2 $3: FAILED" "$out"
    return 1
  fi
  printf 'fuzz %s %s: %s\n' "$2" "$3" "$(grep -o 'execs: [0-9]*' <<<"$out" | tail -1)"
}
export -f fuzz

grep -rE --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]+' . |
  sed -E 's|/[^/]*:func | |' | sort |
  xargs -P "$(nproc)" -n 2 bash -c 'fuzz "$0" "$@"' "${1:-30s}"
