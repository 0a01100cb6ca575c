#!/usr/bin/env bash
# measure_worlds.sh [PHOTOS]: measures the weights that are there in all worlds and writes the tables.
# PHOTOS is a folder for worlds:photos. A call that was stopped goes on, and reports that are newer
# than the weights are kept in build/worlds; COMMANDS="--limit 200" makes it shorter. Needs PyBullet
# (pip install pybullet).
set -euo pipefail
cd "$(dirname "$0")/.."
into=build/worlds
newest=$(find ppcr_ros/weights/embedded -name "*.safetensors" -printf "%T@ %p\n" | sort -n | tail -1)
newest=${newest#* }
measure() { # NAME FILE [MORE]
  local data=$1 file=$into/$2
  shift 2
  [ "$file" -nt "$newest" ] || ppcr eval --data "$data" --json "$file" "$@"
}
mkdir -p "$into"
# shellcheck disable=SC2086
for world in lamps raytraced bullet effects; do
  measure "worlds:$world" "$world.json" ${COMMANDS:-}
done
# shellcheck disable=SC2086
measure tabletop:test tabletop.json ${COMMANDS:---limit 1000}
measure worlds:drawn relations.json --ablate --kinds relation --ways direct,progressive
[ -z "${1:-}" ] || measure worlds:photos photos.json --root "$1"
python -m tools.worlds_table "$into"/*.json
