/**
 * Measures whole clusters from the outside: `bin/kubus bench`.
 *
 * Every figure is taken over the API or from the kernel's books, in this run, on this machine; nothing is
 * read from the cluster's own claims. The clusters live in a temporary state folder and are purged.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { cpus, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    only: { type: 'string', default: 'start,api,pods,sustained,real' },
    json: { type: 'boolean', default: false },
    'api-port': { type: 'string', default: '16443' },
    'nats-port': { type: 'string', default: '14222' },
    nodes: { type: 'string', default: '50' },
    replicas: { type: 'string', default: '1000' },
  },
})
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const kubus = join(root, 'bin/kubus')
const scratch = options.data ?? mkdtempSync(join(tmpdir(), 'kubus-bench-'))
const only = new Set(options.only.split(','))
const figures = []
const record = (what, value, unit) => {
  figures.push({ what, value, unit })
  if (!options.json) process.stderr.write(`  ${what}: ${value} ${unit}\n`)
}

const dataOf = (name) => join(scratch, name)
const up = (name, ...more) => {
  const startedAt = performance.now()
  const { status, stderr } = spawnSync(
    kubus,
    // biome-ignore format: one line of flags
    ['up', '--detach', '--data', dataOf(name), '--api-port', options['api-port'], '--nats-port', options['nats-port'], ...more],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`up failed: ${stderr}`)
  return performance.now() - startedAt
}
const down = (name, ...more) => spawnSync(kubus, ['down', '--data', dataOf(name), ...more])

/** Resident memory of every process of the cluster, in MiB, proportional share where the kernel tells. */
const memoryMiB = (name) => {
  const state = JSON.parse(readFileSync(join(dataOf(name), 'running.json'), 'utf8'))
  const pids = [state.pid, ...state.processes.map(({ pid }) => pid)]
  const kib = pids.map((pid) => {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0)
  })
  return Math.round(kib.reduce((sum, size) => sum + size, 0) / 1024)
}

const load = (name, ...args) =>
  JSON.parse(
    execFileSync(
      process.execPath,
      [
        join(root, 'bench/k8s-load.mjs'),
        '--server',
        `https://127.0.0.1:${options['api-port']}`,
        '--cert',
        join(dataOf(name), 'pki/admin.crt'),
        '--key',
        join(dataOf(name), 'pki/admin.key'),
        ...args,
      ],
      { encoding: 'utf8', maxBuffer: 1 << 26 },
    ),
  )

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const measureStart = () => {
  record('first start to ready', Math.round(up('start', '--runtime', 'hollow')), 'ms')
  down('start')
  record('second start to ready', Math.round(up('start', '--runtime', 'hollow')), 'ms')
  down('start', '--purge')
}

const measureApi = async () => {
  up('hollow', '--runtime', 'hollow', '--nodes', options.nodes)
  await sleep(3_000)
  record('memory idle, all processes', memoryMiB('hollow'), 'MiB')
  const { crud, watch } = load('hollow', '--only', 'crud,watch', '--objects', '4000')
  for (const [verb, { perSecond, ms }] of Object.entries(crud))
    record(verb, perSecond, `/s (p99 ${ms.p99} ms)`)
  record('watch, 100 watchers', watch.eventsPerSecond, `events/s (p99 ${watch.delayMs.p99} ms)`)
}

const measurePods = async () => {
  if (!only.has('api')) up('hollow', '--runtime', 'hollow', '--nodes', options.nodes)
  const { pods } = load(
    'hollow',
    '--only',
    'pods',
    '--no-hollow',
    '--replicas',
    options.replicas,
    '--nodes',
    options.nodes,
  )
  record(`${pods.total} pods on ${options.nodes} hollow nodes`, pods.podsPerSecond, 'pods/s')
  record('pod start-up p50', pods.startupMs.p50, 'ms')
  record('pod start-up p99', pods.startupMs.p99, 'ms')
  record('pods per node', `${pods.spread.min}–${pods.spread.max}`, '')
  record('delete them', pods.deleteSeconds, 's')
  record('memory after load, all processes', memoryMiB('hollow'), 'MiB')
}

/** What remains when every process has seen its code run: 64 clients, 20,000 objects, on a cluster of its own. */
const measureSustained = async () => {
  up('sustained', '--runtime', 'hollow')
  await sleep(3_000)
  const how = ['--only', 'crud', '--no-hollow', '--objects', '20000', '--clients', '64']
  const { crud } = load('sustained', ...how)
  for (const verb of ['create', 'get', 'update', 'patch', 'delete'])
    record(`${verb}, sustained`, crud[verb].perSecond, `/s (p99 ${crud[verb].ms.p99} ms)`)
  down('sustained', '--purge')
}

/** Calls the Docker engine; the local images that `up` made are there by then. */
const engine = (method, path) =>
  new Promise((resolve, reject) => {
    const call = request({ socketPath: '/var/run/docker.sock', method, path }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode))
    })
    call.on('error', reject)
    call.end()
  })

/** Runs the stopwatch for real containers and passes its lines on. */
const measureReal = async () => {
  up('real', '--runtime', 'docker')
  // The stopwatch wants an image with busybox' applets under this name; the pause image has them.
  await engine('POST', '/images/kubus%2Fpause:1/tag?repo=bb&tag=latest')
  try {
    await timeRealPods()
  } finally {
    down('real', '--purge')
    await engine('DELETE', '/images/bb:latest')
  }
}

const timeRealPods = () =>
  new Promise((resolve, reject) => {
    const watch = spawn(join(root, 'bench/real-pods.sh'), ['20'], {
      env: { ...process.env, KUBECONFIG: join(dataOf('real'), 'kubeconfig') },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    watch.stdout.on('data', (data) => {
      text += data
    })
    watch.on('exit', (code) => {
      for (const [, what, value] of text.matchAll(/^(.+): (\d+) ms$/gm))
        record(what, Number(value), 'ms')
      if (code === 0 && !text.includes('TIMEOUT')) resolve()
      else reject(new Error(`real containers: ${text}`))
    })
  })

try {
  if (only.has('start')) measureStart()
  if (only.has('api')) await measureApi()
  if (only.has('pods')) await measurePods()
  if (only.has('api') || only.has('pods')) down('hollow', '--purge')
  if (only.has('sustained')) await measureSustained()
  if (only.has('real')) await measureReal()
} finally {
  for (const name of ['start', 'hollow', 'sustained', 'real']) down(name, '--purge')
  if (!options.data) rmSync(scratch, { recursive: true, force: true })
}

const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
if (options.json) {
  console.log(JSON.stringify({ machine, figures }, null, 1))
} else {
  const width = Math.max(...figures.map(({ what }) => what.length))
  console.log(`\n${machine}`)
  for (const { what, value, unit } of figures)
    console.log(`${what.padEnd(width)}  ${String(value).padStart(8)} ${unit}`)
}
