#!/usr/bin/env bash
# Sets up, builds, runs all tests; then the suite under ASan and UBSan, and the thread pool under TSan.
#   tools/test.sh [release] [asan] [tsan]     (all three by default)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
cd "$SINTER_ROOT"

kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || kinds=(release asan tsan)
jobs=$(nproc)
passed=0
failed=0

# run_tests PRESET CTEST_OPTION...: runs ctest, shows its summary, adds up the counts.
run_tests() {
  local preset=$1 log="$SINTER_LOGS/ctest-$1.log" total bad
  shift
  echo "== tests of $preset"
  ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --no-tests=error "$@" 2>&1 | tee "$log" || true
  # "98% tests passed, 2 tests failed out of 100"
  read -r bad total < <(sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests? failed out of ([0-9]+)$/\1 \2/p' "$log") ||
    { bad=1 total=1; }
  failed=$((failed + bad))
  passed=$((passed + total - bad))
}

"$SINTER_ROOT/tools/setup.sh"

# The sanitized builds are for finding faults, not for speed: little optimisation, line numbers only.
sanitized=(-DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -gline-tables-only -DNDEBUG"
  -DSINTER_BUILD_EXAMPLES=OFF)

for kind in "${kinds[@]}"; do
  case $kind in
  release)
    build release
    tools/report_size.sh strip build/release/lib/libsinter.so build/release/bin/sinter
    run_tests release
    ;;
  asan)
    build asan -- "${sanitized[@]}"
    SINTER_DIFFERENTIAL_CASES=120 SINTER_FUZZ_CASES=100 run_tests asan -LE "architecture|docs"
    ;;
  tsan)
    build tsan sinter_pool_tests -- "${sanitized[@]}"
    run_tests tsan -L pool
    ;;
  *)
    echo "test.sh: '$kind' is none of release, asan, tsan" >&2
    exit 2
    ;;
  esac
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
