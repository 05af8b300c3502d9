#!/usr/bin/env bash
# Measures every stage and the whole way and writes docs/performance.md.
#
#   LAKE_BIN=bin/lake bench/run.sh      make bench builds it first
#   BENCHTIME=60s   how long events are sent to the lake
#   STAGETIME=1s    how long each stage is measured
#   OUT=docs/performance.md
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
bin=${LAKE_BIN:-bin/lake}
for=${BENCHTIME:-60s}
stage=${STAGETIME:-1s}
out=${OUT:-docs/performance.md}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1 || true)
memory=$(awk '/^MemTotal/ {printf "%.0f GB", $2/1e6}' /proc/meminfo 2>/dev/null || true)
load=$(cut -d' ' -f1 /proc/loadavg 2>/dev/null || true)
# Load that others cause stretches wall time and, by shared caches, CPU time too.

# package, which benchmarks, which metric is shown first when it is there
stages=(
  "./transform Scan"
  "./collect Post"
  "./local/stream ^BenchmarkAppend"
  "./local/ledger NewIDs/after_0M"
  "./raw Append|Split|Instant|Write"
  "./ingest Take"
  "./curate Shred|Split|Parquet|Once"
  "./local/catalog ^BenchmarkCommit$"
)
for s in "${stages[@]}"; do
  read -r package which <<<"$s"
  echo "$package" >&2
  "$go" test -run '^$' -bench "$which" -benchtime "$stage" -benchmem "$package" >"$work/out" || { cat "$work/out" >&2; exit 1; }
  # Benchmarks of whole batches report ns/event; those of one event an op have ns/op.
  awk -v package="$package" '/^Benchmark/ {
      name = $1; sub(/^Benchmark/, "", name); sub(/-[0-9]+$/, "", name)
      ns = cpu = allocs = rate = "-"; op = ""
      for (i = 3; i < NF; i += 2) {
        if ($(i+1) == "ns/op") op = $i
        if ($(i+1) == "ns/event") ns = $i
        if ($(i+1) == "cpu-ns/event") cpu = $i
        if ($(i+1) == "allocs/op") allocs = $i
      }
      printf "| `%s` %s | %s | %s | %s | %s |\n", substr(package, 3), name, op, ns, cpu, allocs
    }' "$work/out" >>"$work/stages"
done

echo "the whole way, $for" >&2
"$go" run ./bench --bin "$bin" --for "$for" >"$work/whole"

{
  cat <<TOP
# Performance

<!-- written by make bench; the text at the end is bench/notes.md -->

Measured on $(date -u +%Y-%m-%d) with $("$go" env GOVERSION), $(nproc) cores${cpu:+ ($cpu)}${memory:+, $memory}; load average at the
start $load. \`make bench BENCHTIME=$for STAGETIME=$stage\` measures again and writes this page. Anything else that runs on the machine
shows: CPU times are better to compare than times, and only on an idle machine are the latencies those of the lake.

## The whole way

One lake with default settings; events of 500 bytes, 100 a POST, 8 connections, 5 % duplicates, as fast as the lake takes them for $for.
CPU is user and system time of the lake's process until the last event is in its table: HTTP, JSON, fsyncs, deduplication, gzip,
columns, Parquet, commits, merging in the background. The sender runs on the same cores and is not counted. The last lines are
DuckDB's CPU for 500,000 of the same events from a file to one Parquet file without copies, right afterwards: no HTTP, no fsync, no
raw files, nothing that a second batch could be compared with.

\`\`\`
$ go run ./bench --bin bin/lake --for $for
$(cat "$work/whole")
\`\`\`

## Stages

One goroutine unless its name says otherwise. Times are of one operation, which is one event or a batch of them.

| stage | ns an operation | ns an event | CPU ns an event | allocations an operation |
|---|---|---|---|---|
$(cat "$work/stages")

TOP
  cat bench/notes.md
} >"$work/page"
mv "$work/page" "$out"
echo "wrote $out" >&2
