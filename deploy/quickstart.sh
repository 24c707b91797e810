#!/usr/bin/env bash
# From a bare Debian 12 to wskeep doing its job: installs, builds, and runs an echo backend, wskeep before it
# with a ping every 2 s, and a real client (python websockets). Shows messages, beats, latency and metrics.
#
#   deploy/quickstart.sh          until Ctrl-C
#   deploy/quickstart.sh --once   once, then exit 0
set -euo pipefail
cd "$(dirname "$0")/.."

mode=forever
case "${1:-}" in
  "") ;;
  --once) mode=once ;;
  *) echo "usage: deploy/quickstart.sh [--once]" >&2; exit 2 ;;
esac

echo "== packages"
deploy/install-packages.sh build demo
echo "== build (build/release)"
cmake --preset release -DWSKEEP_TESTS=OFF >/dev/null
cmake --build --preset release --target wskeep echo_backend

build=$PWD/build/release
work=$(mktemp -d)
processes=()
finish() {
  trap - EXIT INT TERM
  for ((i = ${#processes[@]} - 1; i >= 0; i--)); do kill "${processes[i]}" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap finish EXIT
trap 'finish; exit 0' INT TERM

# Prints what the pattern's group matches in FILE, once the process PID has written it there.
found() {
  local file=$1 pid=$2 pattern=$3 match=
  while [ -z "$match" ]; do
    match=$(sed -nE "s/.*$pattern.*/\\1/p" "$file" | head -n 1)
    [ -n "$match" ] || kill -0 "$pid" 2>/dev/null || return 1
    [ -n "$match" ] || sleep 0.1
  done
  echo "$match"
}

echo "== an echo backend"
touch "$work/backend.log" "$work/wskeep.log"
"$build/tests/bench/echo_backend" >"$work/backend.log" 2>&1 &
processes+=($!)
backend=$(found "$work/backend.log" $! 'listening ([0-9.:]+)') || { cat "$work/backend.log" >&2; exit 1; }
echo "echo_backend listens on $backend"

echo "== wskeep before it, with a ping every 2 s"
"$build/wskeep" --listen 127.0.0.1:0 --backend "$backend" --set admin.address=127.0.0.1:0 \
  --set keepalive.client.ping_interval=2s 2>"$work/wskeep.log" &
processes+=($!)
front=$(found "$work/wskeep.log" $! 'msg=listening address=([0-9.:]+)') || { cat "$work/wskeep.log" >&2; exit 1; }
admin=$(found "$work/wskeep.log" $! 'msg="admin listening" address=([0-9.:]+)') || { cat "$work/wskeep.log" >&2; exit 1; }
echo "wskeep listens on $front; metrics at http://$admin/metrics"

echo "== a real client: python websockets"
/usr/bin/python3 deploy/quickstart_client.py "ws://$front/chat" "http://$admin/metrics" "$mode"

echo "== what wskeep wrote when it ended"
kill "${processes[1]}"
wait "${processes[1]}" || true
cat "$work/wskeep.log"
