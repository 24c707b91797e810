#!/usr/bin/env bash
# Installs what wskeep needs from Debian 12's own packages. Idempotent; as root, or with sudo.
#
#   deploy/install-packages.sh build        to build it
#   deploy/install-packages.sh build demo   and to show it (quickstart.sh)
#   deploy/install-packages.sh build test   and to test it
#   deploy/install-packages.sh runtimes     what the runtimes of its tests need beside those
#   deploy/install-packages.sh bench        what tests/bench compares it with
set -euo pipefail

build=(ca-certificates cmake g++ git libboost1.81-dev libcli11-dev libevent-dev libfmt-dev libspdlog-dev libssl-dev
       libyaml-cpp-dev ninja-build nlohmann-json3-dev pkg-config prometheus-cpp-dev)
demo=(curl python3 python3-websockets)
test=(apache2-utils clang-format haproxy iproute2 iptables libgtest-dev libgmock-dev nginx procps prometheus
      python3-aiohttp valgrind wrk)
bench=(haproxy libbenchmark-dev lighttpd nginx python3 strace)
runtimes=(chromium default-jdk-headless golang-github-gorilla-websocket-dev golang-go golang-nhooyr-websocket-dev
          libjetty9-extra-java libjetty9-java libwebsocketpp-dev libwebsockets-dev python3-aiohttp python3-tornado)

packages=()
for group in "$@"; do
  case "$group" in
    build) packages+=("${build[@]}") ;;
    demo) packages+=("${demo[@]}") ;;
    test)
      packages+=("${demo[@]}" "${test[@]}")
      # Debian's nodejs, unless somebody has installed a node and an npm of their own.
      command -v node >/dev/null && command -v npm >/dev/null || packages+=(nodejs npm)
      ;;
    bench) packages+=("${bench[@]}") ;;
    runtimes) packages+=("${runtimes[@]}") ;;
    *) echo "install-packages.sh: unknown group '$group': build, demo, test, bench or runtimes" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q
# prometheus brings promtool and, on a machine with systemd, a service that nobody asked for here; so do the proxies.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
  apt-get install -q -y --no-install-recommends "${missing[@]}"
