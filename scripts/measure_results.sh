#!/usr/bin/env bash
# Measure everything that docs/results and docs/leaderboards.md report, then build that page.
#
# scripts/measure_results.sh DATA    DATA holds fcdb/train, flms/a and gaicd, converted
set -euo pipefail
data=$1
root=$(cd "$(dirname "$0")/.." && pwd)
results=$root/docs/results
mkdir -p "$results"

measure() { # NAME PROTOCOL ARGUMENTS...
  cadrage eval "$2" --json "$results/$1.json" --overwrite "${@:3}" >/dev/null
  echo "$1"
}

for protocol in fcdb-free fcdb-ratio fcdb-pairs; do
  measure "$protocol-dev-default.fit" "$protocol" --data "$data/fcdb/train" --split dev --model "$root/weights/default.fit"
done
for tool in smartcrop vips-attention vips-entropy; do
  measure "fcdb-free-dev-$tool" fcdb-free --data "$data/fcdb/train" --split dev --baseline "$tool"
  measure "fcdb-ratio-dev-$tool" fcdb-ratio --data "$data/fcdb/train" --split dev --baseline "$tool"
  measure "flms-dev-$tool" flms --data "$data/flms/a" --split dev --baseline "$tool"
done
measure flms-dev-default.fit flms --data "$data/flms/a" --split dev --model "$root/weights/default.fit"
light=$root/weights/set-prediction-light.fit
measure fcdb-free-dev-set-prediction-light.fit fcdb-free --data "$data/fcdb/train" --split dev --model "$light"
measure flms-dev-set-prediction-light.fit flms --data "$data/flms/a" --split dev --model "$light"
for evaluator in grid-anchor-mobilenetv2.fcdb grid-anchor-shufflenetv2.fcdb global-attention.fcdb human-centric.fcdb; do
  for protocol in fcdb-free fcdb-ratio fcdb-pairs; do
    measure "$protocol-dev-$evaluator" "$protocol" --data "$data/fcdb/train" --split dev --model "$root/weights/$evaluator"
  done
  measure "flms-dev-$evaluator" flms --data "$data/flms/a" --split dev --model "$root/weights/$evaluator"
done
# What it is worth to know the person, on the photos that have one.
mkdir -p "$results/persons"
for protocol in fcdb-free fcdb-pairs; do
  for detector in manifest own none; do
    measure "persons/$protocol-dev-human-centric.fcdb-$detector" "$protocol" --data "$data/fcdb/train" --split dev \
      --subset persons --model "$root/weights/human-centric.fcdb" --detector "$detector"
  done
  for model in default.fit global-attention.fcdb grid-anchor-mobilenetv2.fcdb; do
    measure "persons/$protocol-dev-$model" "$protocol" --data "$data/fcdb/train" --split dev --subset persons \
      --model "$root/weights/$model"
  done
done
measure borders-fcdb-dev borders --data "$data/fcdb/train" --split dev --model "$root/weights/default.fit" \
  --model "$root/weights/grid-anchor-mobilenetv2.fcdb" --model "$root/weights/global-attention.fcdb" \
  --model "$root/weights/human-centric.fcdb"
measure flms-a-centre-0.9 flms --data "$data/flms/a" --baseline centre-0.9 --train-data "$data/fcdb/train"
for baseline in position-prior largest; do
  measure "gaicd-v1-test-$baseline" gaicd-ranking --data "$data/gaicd" --split test --baseline "$baseline"
done
python "$root/scripts/build_leaderboards.py"
