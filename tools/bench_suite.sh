#!/usr/bin/env bash
# Measures the benchmark's models against ONNX Runtime, OpenVINO and PyTorch, and writes the figures into docs/performance.md.
#   tools/bench_suite.sh [--rows NAME,...] [--threads N,...] [--runs N] [--against ENGINE,...] [--no-start] [--python FILE] [--models DIR]
# Rows: resnet50 vgg19 densenet121 inception_v2 squeezenet shufflenet mobilenet_v2 bert_base ppocr_det ppocr_rec. Those that
# are not asked for keep their figures of an earlier call in build/bench. PyTorch takes minutes to compile a model: --against
# leaves it out. What is missing is made first: the program, the other engines (--python names a Python that has them), the
# models. Nothing else may run on the machine meanwhile.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
cd "$SINTER_ROOT"

all=(resnet50 vgg19 densenet121 inception_v2 squeezenet shufflenet mobilenet_v2 bert_base ppocr_det ppocr_rec)
declare -A shapes=([ppocr_det]=x=1x3x640x640 [ppocr_rec]=x=1x3x48x320)
rows=("${all[@]}")
threads=(1)
[ "$(nproc)" -eq 1 ] || threads+=("$(nproc)")
runs=20
start=yes
python=build/peers/bin/python
models=build/models
engines=

while [ $# -gt 0 ]; do
  if [ "$1" != --no-start ] && [ $# -lt 2 ]; then
    echo "bench_suite.sh: '$1' is no option, or lacks its value" >&2
    exit 2
  fi
  case $1 in
  --rows) IFS=, read -r -a rows <<<"$2" ;;
  --threads) IFS=, read -r -a threads <<<"$2" ;;
  --runs) runs=$2 ;;
  --against) engines=$2 ;;
  --python) python=$2 ;;
  --models) models=$2 ;;
  --no-start) start=no && set -- "" "$@" ;;
  *)
    echo "bench_suite.sh: there is no option '$1'" >&2
    exit 2
    ;;
  esac
  shift 2
done
for row in "${rows[@]}"; do
  [[ " ${all[*]} " == *" $row "* ]] || { echo "bench_suite.sh: there is no row '$row'; there are ${all[*]}" >&2 && exit 2; }
done

sinter=build/release/bin/sinter
[ -x "$sinter" ] || build release sinter
[ -x "$python" ] || tools/setup_peers.sh "$(dirname "$(dirname "$python")")"
if [ -z "$engines" ]; then
  engines=onnxruntime,openvino
  if "$python" -c 'import torch' >/dev/null 2>&1; then
    engines+=,torch
  else
    echo "bench_suite.sh: without PyTorch, which $python does not have" >&2
  fi
fi
for row in "${rows[@]}"; do
  [ -s "$models/$row.onnx" ] && continue
  case $row in
  ppocr_*) tools/fetch_ocr.sh "$models" ;;
  *) "$python" tools/make_models.py --out "$models" "$row" ;;
  esac
done

mkdir -p build/bench
failed=()
# measure NAME COMMAND...: a row's figures in build/bench/NAME.json; without them, the others still are.
measure() {
  local name=$1
  shift
  rm -f "build/bench/$name.json"
  echo "== $*"
  "$@" --json "build/bench/$name.part" >"build/bench/$name.txt" && mv "build/bench/$name.part" "build/bench/$name.json" ||
    failed+=("$name")
  grep -E 'fastest run|as fast as|does not support|first result' "build/bench/$name.txt" || true
}
for row in "${rows[@]}"; do
  for count in "${threads[@]}"; do
    measure "$row-$count" "$sinter" bench "$models/$row.onnx" ${shapes[$row]:+--shape "${shapes[$row]}"} --threads "$count" \
      --runs "$runs" --against "$engines" --python "$python"
    [ "$start" = no ] || [ "$row" != resnet50 ] ||
      measure "start-$count" "$python" tools/bench_start.py --sinter "$sinter" --threads "$count" "$models/$row.onnx"
  done
done

python3 tools/bench_table.py build/bench docs/performance.md
if [ ${#failed[@]} -gt 0 ]; then
  echo "bench_suite.sh: no figures for ${failed[*]}" >&2
  exit 1
fi
