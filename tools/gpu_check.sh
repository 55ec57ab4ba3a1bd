#!/usr/bin/env bash
# Checks the CUDA backend on a machine with a GPU, and measures it against PyTorch. That takes a driver, NVRTC and, for a
# part of it, cuBLASLt and cuDNN, and neither a compiler nor a network; without PyTorch, nothing is compared with it.
#   tools/gpu_check.sh bundle FILE.tar.xz   where Sinter is built: builds what it takes, packs it with all it needs
#   gpu_check.sh run [tests|bench]          where the bundle was unpacked; both, or one of them
# SECONDS_BUDGET (460): how long it may take. OUT: where gpu_check.md and gpu_check.json go, the bundle's folder by
# default. PYTHON: one that has PyTorch, python3 by default. GPU_BENCH_ARGUMENTS: for gpu_bench/compare.py.
set -euo pipefail

programs=(sinter_gpu_tests sinter_gpu_bench sinter)

# The libraries of a program that another system may lack, or have in another version.
libraries_of() {
  ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | grep -vE '/(libc|libm|libdl|librt|libpthread)\.so'
}

bundle() {
  local root folder program
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' RETURN
  mkdir -p "$folder/gpu_check/lib" "$folder/gpu_check/gpu_bench"
  cmake --build "$root/build/release" --target "${programs[@]}"
  for program in "${programs[@]}"; do
    cp "$root/build/release/bin/$program" "$folder/gpu_check/"
    strip "$folder/gpu_check/$program"
    # shellcheck disable=SC2046
    cp -n $(libraries_of "$root/build/release/bin/$program") "$folder/gpu_check/lib/"
  done
  cp "$root"/tools/gpu_bench/*.py "$folder/gpu_check/gpu_bench/"
  cp "${BASH_SOURCE[0]}" "$folder/gpu_check/gpu_check.sh"
  # The programs have LLVM in common: a dictionary as long as all of them packs it once.
  tar -C "$folder" -cf - gpu_check | xz --x86 --lzma2=preset=3,dict=384MiB >"$1"
  ls -l "$1"
}

# Where pip and CUDA put NVRTC, cuDNN and cuBLASLt, and some containers the driver.
cuda_folders() {
  ls -d /usr/local/cuda/lib64 /usr/local/cuda/targets/*/lib /usr/local/nvidia/lib64 2>/dev/null || true
  "${PYTHON:-python3}" - <<'PYTHON' 2>/dev/null || true
import glob, site, sys
for folder in site.getsitepackages() + [p for p in sys.path if p.endswith("site-packages")]:
    for found in glob.glob(folder + "/nvidia/*/lib"):
        print(found)
PYTHON
}

# At least one: 0 means any number to timeout.
seconds_left() {
  local left=$((${SECONDS_BUDGET:-460} - SECONDS))
  echo $((left > 1 ? left : 1))
}

# With the libraries of the bundle, which other programs must not get. Seconds that are reserved for what comes
# after it are not its own.
own() {
  local left=$(($(seconds_left) - reserved))
  LD_LIBRARY_PATH="$PWD/lib:${LD_LIBRARY_PATH:-}" timeout $((left > 1 ? left : 1)) "$@"
}

run_tests() {
  echo "== programs compiled for the GPU against the interpreter (SINTER_CUDA_CASES, SINTER_CUDA_SEED)"
  SINTER_CACHE=off own ./sinter_gpu_tests --gtest_brief=1 || {
    local status=$?
    ((status != 124)) || echo "== the tests had no time left"
    return "$status"
  }
  echo "== without cuBLASLt and cuDNN"
  SINTER_CACHE=off SINTER_CUDA_LIBRARIES=off own ./sinter_gpu_tests --gtest_brief=1 --gtest_filter='-Gpu.LibrariesAgree' || return
  if ! command -v compute-sanitizer >/dev/null; then
    echo "== not run under compute-sanitizer, which is not installed"
  elif (($(seconds_left) < ${SECONDS_BUDGET:-460} / 2)); then
    echo "== not run under compute-sanitizer: half of the time is over"
  else
    echo "== a few of them again, every access checked"
    sanitized 6 memcheck Gpu.RandomProgramsAgree && sanitized 1 racecheck Gpu.EveryWayToShareWorkAgrees
  fi
}

# sanitized CASES TOOL FILTER. Some virtual machines do not let it reach the GPU.
sanitized() {
  local status=0
  SINTER_CACHE=off SINTER_CUDA_CASES=$1 own compute-sanitizer --tool "$2" --error-exitcode 9 \
    ./sinter_gpu_tests --gtest_brief=1 --gtest_filter="$3" 2>&1 | tee "$files/sanitizer.log" || status=$?
  if ((status != 0)) && grep -q 'Device not supported' "$files/sanitizer.log"; then
    echo "== not run under compute-sanitizer, which does not support this device"
    return 0
  fi
  return "$status"
}

# Ends here where there is no GPU, or a library or Python is missing: nothing that comes after it would run. The program
# says why.
check_machine() {
  local device status=0 python=${PYTHON:-python3}
  device=$(SINTER_CACHE=off own ./sinter_gpu_bench device) || status=$?
  if ((status == 124)); then
    echo "gpu_check.sh: the GPU did not compute a sum in the time there is" >&2
  elif ((status > 124)); then # without a word of its own
    echo "gpu_check.sh: 'sinter_gpu_bench device' ended with exit status $status" >&2
  fi
  ((status == 0)) || exit "$status"
  echo "== $device"
  if [[ $parts == *bench* ]]; then
    if ! command -v "$python" >/dev/null; then
      echo "gpu_check.sh: there is no '$python', which the benchmark needs: name one by PYTHON" >&2
      exit 2
    elif "$python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'; then
      echo "== $python has PyTorch"
    else
      echo "== $python has no PyTorch, so nothing is compared with it: name a Python that has it by PYTHON"
    fi
  fi
}

run() {
  if [[ ! -x $(dirname "${BASH_SOURCE[0]}")/sinter_gpu_tests ]]; then
    echo "gpu_check.sh: this is no unpacked bundle; make one with 'gpu_check.sh bundle FILE'" >&2
    exit 2
  fi
  local parts=${1:-tests bench} path files compare preparing='' status=0 reserved=0
  cd "$(dirname "${BASH_SOURCE[0]}")"
  path=$(cuda_folders | sort -u | paste -sd:)
  export SINTER_CUDA_PATH="${SINTER_CUDA_PATH:+$SINTER_CUDA_PATH:}$path"
  check_machine
  files=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$files'" EXIT
  # The benchmark starts the program beside PyTorch, which must not get its libraries.
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s:%s" exec "%s" "$@"\n' \
    "$PWD/lib" "${LD_LIBRARY_PATH:-}" "$PWD/sinter_gpu_bench" >"$files/sinter_gpu_bench"
  chmod +x "$files/sinter_gpu_bench"
  # shellcheck disable=SC2206
  compare=("${PYTHON:-python3}" gpu_bench/compare.py --program "$files/sinter_gpu_bench" --python "${PYTHON:-python3}"
    --folder "$files" --report "${OUT:-$PWD}" ${GPU_BENCH_ARGUMENTS:-})
  if [[ $parts == "tests bench" ]]; then
    reserved=$((${SECONDS_BUDGET:-460} / 3))
    # The tests take one processor; PyTorch compiles on the others meanwhile.
    "${compare[@]}" --prepare --budget "$(seconds_left)" >/dev/null 2>&1 &
    preparing=$!
  fi
  if [[ $parts == *tests* ]]; then
    run_tests || status=$?
  fi
  if [[ -n $preparing ]]; then
    kill "$preparing" 2>/dev/null || true
    wait "$preparing" || true
  fi
  if [[ $parts == *bench* ]]; then
    echo "== Sinter and PyTorch"
    "${compare[@]}" --budget "$(seconds_left)" || status=$?
  fi
  if ((status == 0)); then
    echo "== passed"
  else
    echo "== failed, exit status $status"
  fi
  return "$status"
}

case "${1:-}" in
bundle)
  if [[ -z ${2:-} ]]; then
    echo "gpu_check.sh: 'bundle' needs the file to write: gpu_check.sh bundle FILE.tar.xz" >&2
    exit 2
  fi
  bundle "$2"
  ;;
run)
  case "${2:-}" in
  '' | tests | bench) run "${2:-}" ;;
  *)
    echo "gpu_check.sh: '$2' is neither tests nor bench" >&2
    exit 2
    ;;
  esac
  ;;
*)
  sed -n '2,7p' "${BASH_SOURCE[0]}" | cut -c3-
  exit 2
  ;;
esac
