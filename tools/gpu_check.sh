#!/usr/bin/env bash
# Checks the CUDA backend on a machine with a GPU, which needs a driver, NVRTC and, for a part of it, cuBLASLt and cuDNN, and neither a compiler nor a network.
#   tools/gpu_check.sh bundle FILE.tar.xz   where Sinter is built: packs the check, with all it needs
#   gpu_check.sh run                        where the bundle was unpacked
set -euo pipefail

# The libraries of a program that another system may lack, or have in another version.
libraries_of() {
  ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | grep -vE '/(libc|libm|libdl|librt|libpthread)\.so'
}

bundle() {
  local root folder program
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' RETURN
  mkdir -p "$folder/gpu_check/lib"
  cmake --build "$root/build/release" --target sinter_gpu_tests sinter
  for program in sinter_gpu_tests sinter; do
    cp "$root/build/release/bin/$program" "$folder/gpu_check/"
    strip "$folder/gpu_check/$program"
    # shellcheck disable=SC2046
    cp -n $(libraries_of "$root/build/release/bin/$program") "$folder/gpu_check/lib/"
  done
  cp "${BASH_SOURCE[0]}" "$folder/gpu_check/gpu_check.sh"
  tar -C "$folder" -cf - gpu_check | xz -T0 -6 >"$1"
  ls -l "$1"
}

# Where pip and CUDA put NVRTC.
nvrtc_folders() {
  ls -d /usr/local/cuda/lib64 /usr/local/cuda/targets/*/lib 2>/dev/null || true
  python3 - <<'PYTHON' 2>/dev/null || true
import glob, site, sys
for folder in site.getsitepackages() + [p for p in sys.path if p.endswith("site-packages")]:
    for found in glob.glob(folder + "/nvidia/*/lib"):
        print(found)
PYTHON
}

run() {
  cd "$(dirname "${BASH_SOURCE[0]}")"
  local path
  path=$(nvrtc_folders | sort -u | paste -sd:)
  export SINTER_CUDA_PATH="${SINTER_CUDA_PATH:+$SINTER_CUDA_PATH:}$path" SINTER_CACHE=off
  export LD_LIBRARY_PATH="$PWD/lib"
  echo "== programs compiled for the GPU against the interpreter (SINTER_CUDA_CASES, SINTER_CUDA_SEED)"
  ./sinter_gpu_tests --gtest_brief=1
  echo "== without cuBLASLt and cuDNN"
  SINTER_CUDA_LIBRARIES=off ./sinter_gpu_tests --gtest_brief=1 --gtest_filter='-Gpu.LibrariesAgree'
  if command -v compute-sanitizer >/dev/null; then
    echo "== a few of them again, every access checked"
    SINTER_CUDA_CASES=6 compute-sanitizer --tool memcheck --error-exitcode 9 ./sinter_gpu_tests --gtest_brief=1 \
      --gtest_filter='Gpu.RandomProgramsAgree'
    SINTER_CUDA_CASES=1 compute-sanitizer --tool racecheck --error-exitcode 9 ./sinter_gpu_tests --gtest_brief=1 \
      --gtest_filter='Gpu.EveryWayToShareWorkAgrees'
  fi
  echo "== passed"
}

case "${1:-}" in
bundle) bundle "${2:?the file to write}" ;;
run) run ;;
*)
  sed -n '2,4p' "${BASH_SOURCE[0]}" | cut -c3-
  exit 2
  ;;
esac
