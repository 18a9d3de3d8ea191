/**
 * Figures about the apiserver as Prometheus text.
 *
 * Names are kube-apiserver's where the meaning is the same. Invariant: counting a request allocates nothing
 * once its series exists. It measures nothing by itself: the doors and the hub report.
 */
import type { Cache } from '../../client/view.ts'
import type { WatchHub } from './watch-hub.ts'

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface Series {
  labels: string
  codes: Map<number, number>
  buckets: number[]
  sumSeconds: number
  count: number
}

/** Long-running requests are counted by the hub instead. */
export class Metrics {
  private readonly series = new Map<string, Map<string, Series>>()
  inFlight = 0

  /** `resource` is `''` for paths outside the resources; `subresource` may be undefined. */
  observe(
    verb: string,
    group: string,
    resource: string,
    subresource: string | undefined,
    code: number,
    durationMs: number,
  ): void {
    const key = subresource === undefined ? resource : `${resource}/${subresource}`
    let byVerb = this.series.get(key)
    if (!byVerb) {
      byVerb = new Map()
      this.series.set(key, byVerb)
    }
    let series = byVerb.get(verb)
    if (!series) {
      const labels = `verb="${verb.toUpperCase()}",group="${group}",resource="${resource}",subresource="${subresource ?? ''}"`
      series = {
        labels,
        codes: new Map(),
        buckets: BUCKETS_SECONDS.map(() => 0),
        sumSeconds: 0,
        count: 0,
      }
      byVerb.set(verb, series)
    }
    const seconds = durationMs / 1000
    series.codes.set(code, (series.codes.get(code) ?? 0) + 1)
    series.sumSeconds += seconds
    series.count++
    for (let at = BUCKETS_SECONDS.length - 1; at >= 0 && BUCKETS_SECONDS[at]! >= seconds; at--)
      series.buckets[at]!++
  }

  /** `store` are figures of the store beneath, by name. */
  text(hub: WatchHub, cache: Cache, store: Record<string, number>): string {
    const all = [...this.series.values()].flatMap((byVerb) => [...byVerb.values()])
    const memory = process.memoryUsage()
    const cpu = process.cpuUsage()
    return [
      '# TYPE apiserver_request_total counter',
      ...all.flatMap(({ labels, codes }) =>
        [...codes].map(
          ([code, count]) => `apiserver_request_total{${labels},code="${code}"} ${count}`,
        ),
      ),
      '# TYPE apiserver_request_duration_seconds histogram',
      ...all.flatMap(histogram),
      '# TYPE apiserver_current_inflight_requests gauge',
      `apiserver_current_inflight_requests ${this.inFlight}`,
      '# TYPE apiserver_longrunning_requests gauge',
      `apiserver_longrunning_requests{verb="WATCH"} ${hub.members}`,
      '# TYPE apiserver_watch_events_total counter',
      `apiserver_watch_events_total ${hub.delivered}`,
      '# TYPE apiserver_storage_objects gauge',
      ...[...cache.kinds.stored].map(
        (kind) =>
          `apiserver_storage_objects{resource="${kind.group ? `${kind.plural}.${kind.group}` : kind.plural}"} ${cache.list(kind).length}`,
      ),
      ...Object.entries(store).map(([name, value]) => `${name} ${value}`),
      '# TYPE process_resident_memory_bytes gauge',
      `process_resident_memory_bytes ${memory.rss}`,
      '# TYPE nodejs_heap_size_used_bytes gauge',
      `nodejs_heap_size_used_bytes ${memory.heapUsed}`,
      '# TYPE process_cpu_seconds_total counter',
      `process_cpu_seconds_total ${(cpu.user + cpu.system) / 1e6}`,
      '',
    ].join('\n')
  }
}

const histogram = ({ labels, buckets, count, sumSeconds }: Series): string[] => [
  ...buckets.map(
    (value, at) =>
      `apiserver_request_duration_seconds_bucket{${labels},le="${BUCKETS_SECONDS[at]}"} ${value}`,
  ),
  `apiserver_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`,
  `apiserver_request_duration_seconds_sum{${labels}} ${sumSeconds}`,
  `apiserver_request_duration_seconds_count{${labels}} ${count}`,
]
