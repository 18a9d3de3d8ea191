/**
 * How fast the scheduler decides, without a bus: `node bench/scheduler.mjs`.
 *
 * Prints, per case, decisions per second and the fewest and most pods on a node. Pure: snapshot,
 * plug-ins and decision only, one thread. Not part of the tests.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

const folder = mkdtempSync(join(tmpdir(), 'kubus-bench-'))
const entry = join(folder, 'entry.ts')
const from = (path) => JSON.stringify(join(process.cwd(), path))
writeFileSync(
  entry,
  `export * from ${from('src/actors/scheduler/pod-class.ts')}
export * from ${from('src/actors/scheduler/pod-info.ts')}
export * from ${from('src/actors/scheduler/schedule.ts')}
export * from ${from('src/actors/scheduler/snapshot.ts')}
export { plugins } from ${from('src/actors/scheduler/plugins/default-profile.ts')}
export { node, pod, service } from ${from('test/support/build.ts')}
export { memoryCache } from ${from('test/support/memory-cache.ts')}`,
)
const outfile = join(folder, 'bench.mjs')
await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm' })
const { createPodClasses, podInfo, schedule, Snapshot, plugins, ...support } = await import(outfile)
rmSync(folder, { recursive: true })
const { node, pod, service, memoryCache } = support

const label = { app: 'web' }
const antiAffinity = (topologyKey) => ({
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey, labelSelector: { matchLabels: label } },
    ],
  },
})
const affinity = (topologyKey) => ({
  podAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey, labelSelector: { matchLabels: label } },
    ],
  },
})
const spread = [
  {
    topologyKey: 'topology.kubernetes.io/zone',
    maxSkew: 1,
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: label },
  },
]
const plain = (name) => pod(name).cpu('10m').memory('10Mi').labels(label)
const zone = 'topology.kubernetes.io/zone'

const run = (title, nodes, count, make) => {
  const cache = memoryCache(service('web').selects(label).object)
  const snapshot = new Snapshot((info, at, delta) => classes.observe(info, at, delta))
  const classes = createPodClasses(plugins, () => snapshot, cache)
  for (let index = 0; index < nodes; index++)
    snapshot.setNode(node(`n${index}`).zone(`z${index % 3}`).object)
  const pods = Array.from({ length: count }, (_, index) => make(`p${index}`).object)
  let start = 0
  let refused = 0
  const startedAt = performance.now()
  for (const object of pods) {
    const info = podInfo(object)
    const decision = schedule(classes.of(info), snapshot, start)
    start = decision.nextStart
    if (decision.node) snapshot.assume(info, decision.node.name)
    else refused++
  }
  const seconds = (performance.now() - startedAt) / 1000
  const counts = snapshot.order.map(({ pods: here }) => here.size)
  console.log(
    `${title.padEnd(34)} ${String(nodes).padStart(5)} ${String(count).padStart(6)} ` +
      `${String(Math.round(count / seconds)).padStart(8)} ${String(refused).padStart(8)} ` +
      `${Math.min(...counts)}-${Math.max(...counts)}`,
  )
}

console.log('case                               nodes   pods   pods/s  refused pods per node')
run('warm-up', 50, 2000, plain)
run('replicas of a service', 50, 1000, plain)
run('replicas of a service', 500, 5000, plain)
run('replicas of a service', 5000, 20_000, plain)
run('every pod different', 50, 1000, (name) => plain(name).labels({ ...label, name }))
run('every pod different', 5000, 2000, (name) => plain(name).labels({ ...label, name }))
run('anti-affinity by host', 5000, 4000, (name) =>
  plain(name).spec({ affinity: antiAffinity('kubernetes.io/hostname') }),
)
run('affinity by zone', 5000, 5000, (name) => plain(name).spec({ affinity: affinity(zone) }))
run('spread by zone, do not schedule', 5000, 5000, (name) =>
  plain(name).spec({ topologySpreadConstraints: spread }),
)
run('nothing fits', 5000, 5000, (name) => plain(name).cpu('64'))
