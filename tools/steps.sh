# Sourced by the other scripts: steps that say what they do, stay quiet while they do it, and show their log if they fail.

SINTER_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SINTER_LOGS="$SINTER_ROOT/build/logs"

# step NAME COMMAND...: runs the command with its output in a log. On a terminal a line shows the seconds and the log's
# last line; the log is printed if the command fails.
step() {
  local name=$1 log pid start=$SECONDS status=0
  shift
  mkdir -p "$SINTER_LOGS"
  log="$SINTER_LOGS/$(tr -c 'a-zA-Z0-9\n' '-' <<<"$name").log"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  if [ -t 1 ]; then
    while kill -0 "$pid" 2>/dev/null; do
      sleep 0.5
      [ $((SECONDS - start)) -lt 1 ] || printf '\r\033[K%s … %d s  %s' "$name" $((SECONDS - start)) \
        "$(tail -n 1 "$log" | tr -d '\r' | cut -c1-70)"
    done
    printf '\r\033[K'
  else
    echo "$name …"
  fi
  wait "$pid" || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 60 "$log"
    echo "$name failed (status $status); the whole log: $log" >&2
    return "$status"
  fi
  echo "$name: done in $((SECONDS - start)) s"
}

# build PRESET TARGET... -- CMAKE_OPTION...: configures and builds.
build() {
  local preset=$1 targets=() options=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    targets+=("$1")
    shift
  done
  [ $# -eq 0 ] || shift
  options=("$@")
  (cd "$SINTER_ROOT" &&
    step "configure $preset" cmake --preset "$preset" "${options[@]}" &&
    step "build $preset" cmake --build --preset "$preset" ${targets[0]:+--target "${targets[@]}"})
}
