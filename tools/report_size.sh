#!/usr/bin/env bash
# Says how large programs and shared libraries are without their symbol tables, and how long they take to start.
#   tools/report_size.sh STRIP FILE...
set -euo pipefail

strip=$1
shift

# milliseconds COMMAND...: the least of some runs.
milliseconds() {
  local least=0 start took i
  for ((i = 0; i < 15; ++i)); do
    start=${EPOCHREALTIME/[.,]/}
    "$@" >/dev/null
    took=$((${EPOCHREALTIME/[.,]/} - start))
    if [ "$i" -eq 0 ] || [ "$took" -lt "$least" ]; then least=$took; fi
  done
  printf '%d.%d' $((least / 1000)) $((least % 1000 / 100))
}

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
for file in "$@"; do
  "$strip" -o "$stripped" "$file"
  bytes=$(stat -c %s "$stripped")
  case $file in
  # A library is loaded into a program that does nothing else.
  *.so | *.so.*) how="with /bin/true" start=$(LD_PRELOAD=$(realpath "$file") milliseconds /bin/true) ;;
  *) how="--version" start=$(milliseconds "$file" --version) ;;
  esac
  echo "$(basename "$file"): $((bytes / 1000000)).$((bytes / 100000 % 10)) MB stripped, starts in $start ms ($how)"
done
