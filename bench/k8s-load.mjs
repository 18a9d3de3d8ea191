#!/usr/bin/env node
import { readFileSync } from 'node:fs'
// Black-box load generator for any server that speaks the Kubernetes REST API.
// It plays the kubelets of N simulated nodes ("hollow" nodes) and times what a user would feel.
// Dependency-free on purpose: the same file is pointed at every system under comparison.
//
//   node k8s-load.mjs --server https://127.0.0.1:6443 [--token T | --cert FILE --key FILE] [--nodes 50] [--replicas 1000]
//                     [--deployments 1] [--objects 2000] [--clients 32] [--watchers 100] [--only crud,pods,watch]
//                     [--no-hollow] [--deployments-named bench]
// --no-hollow: the system under test brings its own simulated nodes; this program only watches.
// Prints one JSON object: every figure is measured from the client side, in ms or per second.
import http from 'node:http'
import https from 'node:https'
import { parseArgs } from 'node:util'

const { values: o } = parseArgs({
  options: {
    server: { type: 'string', default: 'https://127.0.0.1:6443' },
    token: { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    nodes: { type: 'string', default: '50' },
    replicas: { type: 'string', default: '1000' },
    deployments: { type: 'string', default: '1' },
    objects: { type: 'string', default: '2000' },
    clients: { type: 'string', default: '32' },
    watchers: { type: 'string', default: '100' },
    only: { type: 'string', default: 'crud,watch,pods' },
    'no-hollow': { type: 'boolean', default: false },
    timeout: { type: 'string', default: '300' },
    ns: { type: 'string', default: 'load' },
  },
})
const num = (k) => Number(o[k])
const base = new URL(o.server)
const lib = base.protocol === 'https:' ? https : http
const tls = {
  rejectUnauthorized: false,
  ...(o.cert ? { cert: readFileSync(o.cert), key: readFileSync(o.key) } : {}),
}
const agent = new lib.Agent({ keepAlive: true, maxSockets: 256, ...tls })
const watchAgent = new lib.Agent({ keepAlive: true, maxSockets: Infinity, ...tls })
const auth = o.token ? { authorization: `Bearer ${o.token}` } : {}
const sleep = (ms) => new Promise((r) => setTimeout(r, ms))

function call(method, path, body, type = 'application/json') {
  return new Promise((resolve, reject) => {
    const data = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const req = lib.request(
      {
        agent,
        hostname: base.hostname,
        port: base.port,
        method,
        path,
        headers: {
          accept: 'application/json',
          ...auth,
          ...(data ? { 'content-type': type, 'content-length': data.length } : {}),
        },
      },
      (res) => {
        const chunks = []
        res.on('data', (c) => chunks.push(c))
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          if (res.statusCode >= 300)
            return reject(
              Object.assign(
                new Error(`${method} ${path}: ${res.statusCode} ${text.slice(0, 300)}`),
                { code: res.statusCode },
              ),
            )
          resolve(text ? JSON.parse(text) : {})
        })
      },
    )
    req.on('error', reject)
    req.end(data)
  })
}

/** Follows a watch until stop() is called; reconnects from the last resourceVersion seen. */
function watch(path, onEvent, from = '') {
  let stopped = false,
    req,
    version = from
  const open = () => {
    if (stopped) return
    const sep = path.includes('?') ? '&' : '?'
    req = lib.request(
      {
        agent: watchAgent,
        hostname: base.hostname,
        port: base.port,
        path: `${path}${sep}watch=1${version ? `&resourceVersion=${version}` : ''}`,
        headers: { accept: 'application/json', ...auth },
      },
      (res) => {
        let rest = ''
        res.setEncoding('utf8')
        res.on('data', (c) => {
          rest += c
          for (let i = rest.indexOf('\n'); i >= 0; i = rest.indexOf('\n')) {
            const line = rest.slice(0, i)
            rest = rest.slice(i + 1)
            if (!line.trim()) continue
            const ev = JSON.parse(line)
            version = ev.object?.metadata?.resourceVersion ?? version
            onEvent(ev)
          }
        })
        res.on('end', () => setTimeout(open, 50))
        res.on('error', () => setTimeout(open, 50))
      },
    )
    req.on('error', () => setTimeout(open, 100))
    req.end()
  }
  open()
  return () => {
    stopped = true
    req?.destroy()
  }
}

const quantiles = (xs) => {
  xs.sort((a, b) => a - b)
  const q = (p) => +xs[Math.min(xs.length - 1, Math.floor(xs.length * p))]?.toFixed(2)
  return { p50: q(0.5), p90: q(0.9), p99: q(0.99), max: q(1) }
}

async function spread(n, workers, f) {
  const lat = []
  let i = 0
  const start = performance.now()
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (i < n) {
        const k = i++
        const s = performance.now()
        await f(k)
        lat.push(performance.now() - s)
      }
    }),
  )
  const secs = (performance.now() - start) / 1000
  return { perSecond: Math.round(n / secs), ms: quantiles(lat) }
}

const out = { server: o.server, at: new Date().toISOString() }
const nsPath = `/api/v1/namespaces/${o.ns}`
await call('POST', '/api/v1/namespaces', {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: o.ns },
}).catch((e) => {
  if (e.code !== 409) throw e
})
await sleep(500)
const only = new Set(o.only.split(','))

if (only.has('crud')) {
  const n = num('objects'),
    c = num('clients')
  const cm = (i, v) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `cm-${i}`, namespace: o.ns, labels: { app: 'load', shard: String(i % 10) } },
    data: { value: `v${v}`, pad: 'x'.repeat(600) },
  })
  const cms = `${nsPath}/configmaps`
  out.crud = {}
  out.crud.create = await spread(n, c, (i) => call('POST', cms, cm(i, 0)))
  out.crud.get = await spread(n, c, (i) => call('GET', `${cms}/cm-${i}`))
  out.crud.update = await spread(n, c, (i) => call('PUT', `${cms}/cm-${i}`, cm(i, 1)))
  out.crud.patch = await spread(n, c, (i) =>
    call('PATCH', `${cms}/cm-${i}`, { data: { value: 'v2' } }, 'application/merge-patch+json'),
  )
  out.crud.list500 = await spread(Math.max(20, (n / 50) | 0), 4, () =>
    call('GET', `${cms}?limit=500`),
  )
  out.crud.listSelector = await spread(Math.max(20, (n / 50) | 0), 4, () =>
    call('GET', `${cms}?labelSelector=shard%3D3`),
  )
  out.crud.delete = await spread(n, c, (i) => call('DELETE', `${cms}/cm-${i}`))
}

if (only.has('watch')) {
  const watchers = num('watchers'),
    writes = 200
  const seen = new Map()
  const delays = []
  let got = 0
  const list = await call('GET', `${nsPath}/configmaps?limit=1`)
  const stops = Array.from({ length: watchers }, () =>
    watch(
      `${nsPath}/configmaps`,
      (ev) => {
        const sent = seen.get(ev.object?.metadata?.name)
        if (ev.type === 'ADDED' && sent !== undefined) {
          got++
          delays.push(performance.now() - sent)
        }
      },
      list.metadata.resourceVersion,
    ),
  )
  await sleep(1500)
  const start = performance.now()
  await spread(writes, 4, (i) => {
    seen.set(`w-${i}`, performance.now())
    return call('POST', `${nsPath}/configmaps`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `w-${i}` },
      data: { v: 'x'.repeat(300) },
    })
  })
  while (got < writes * watchers && performance.now() - start < 60000) await sleep(20)
  out.watch = {
    watchers,
    writes,
    delivered: got,
    expected: writes * watchers,
    eventsPerSecond: Math.round(got / ((performance.now() - start) / 1000)),
    delayMs: quantiles(delays),
  }
  for (const stop of stops) stop()
  await spread(writes, 16, (i) => call('DELETE', `${nsPath}/configmaps/w-${i}`).catch(() => {}))
}

if (only.has('pods')) {
  const nodes = num('nodes'),
    replicas = num('replicas'),
    deployments = num('deployments')
  const quantity = { cpu: '64', memory: '256Gi', pods: '500', 'ephemeral-storage': '1Ti' }
  const stops = []
  const nodeName = (i) => `hollow-${String(i).padStart(4, '0')}`
  const now = () => new Date().toISOString().replace(/\.\d+Z/, 'Z')
  if (!o['no-hollow']) {
    const nodeStatus = () => ({
      capacity: quantity,
      allocatable: quantity,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'hollow',
          lastHeartbeatTime: now(),
          lastTransitionTime: now(),
        },
        ...['MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({
          type,
          status: 'False',
          reason: 'Ok',
          message: 'ok',
          lastHeartbeatTime: now(),
          lastTransitionTime: now(),
        })),
      ],
    })
    await spread(nodes, 8, async (i) => {
      await call('POST', '/api/v1/nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name: nodeName(i),
          labels: { 'kubernetes.io/hostname': nodeName(i), type: 'hollow' },
        },
      }).catch((e) => {
        if (e.code !== 409) throw e
      })
      await call(
        'PATCH',
        `/api/v1/nodes/${nodeName(i)}/status`,
        { status: nodeStatus() },
        'application/strategic-merge-patch+json',
      )
    })
    const beat = setInterval(() => {
      spread(nodes, 4, (i) =>
        call(
          'PATCH',
          `/api/v1/nodes/${nodeName(i)}/status`,
          { status: { conditions: nodeStatus().conditions } },
          'application/strategic-merge-patch+json',
        ).catch(() => {}),
      )
    }, 20000)
    stops.push(() => clearInterval(beat))
  }
  const created = new Map(),
    bound = new Map(),
    running = new Map()
  let ip = 0
  let gone = 0
  const errors = []
  const taken = new Set()
  const list = await call('GET', `${nsPath}/pods?limit=1`)
  const play = async (pod) => {
    const p = `${nsPath}/pods/${pod.metadata.name}`
    if (pod.metadata.deletionTimestamp) {
      const k = `${pod.metadata.uid}/del`
      if (!taken.has(k)) {
        taken.add(k)
        await call('DELETE', `${p}?gracePeriodSeconds=0`).catch((e) => {
          if (e.code !== 404) errors.push(e.message)
        })
      }
      return
    }
    if (!pod.spec.nodeName || pod.status.phase !== 'Pending' || taken.has(pod.metadata.uid)) return
    taken.add(pod.metadata.uid)
    const n = ip++
    const t = now()
    await call(
      'PATCH',
      `${p}/status`,
      {
        status: {
          phase: 'Running',
          startTime: t,
          podIP: `10.${128 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`,
          conditions: ['Initialized', 'Ready', 'ContainersReady'].map((type) => ({
            type,
            status: 'True',
            lastTransitionTime: t,
          })),
          containerStatuses: pod.spec.containers.map((c) => ({
            name: c.name,
            image: c.image,
            imageID: c.image,
            ready: true,
            restartCount: 0,
            started: true,
            state: { running: { startedAt: t } },
          })),
        },
      },
      'application/strategic-merge-patch+json',
    ).catch((e) => errors.push(e.message))
  }
  stops.push(
    watch(
      `${nsPath}/pods`,
      (ev) => {
        const pod = ev.object
        if (!pod?.metadata) return
        const k = pod.metadata.uid
        const t = performance.now()
        if (ev.type === 'ADDED' && !created.has(k)) created.set(k, t)
        if (ev.type === 'DELETED') {
          gone++
          return
        }
        if (pod.spec?.nodeName && !bound.has(k)) bound.set(k, t)
        if (pod.status?.phase === 'Running' && !running.has(k)) running.set(k, t)
        if (!o['no-hollow']) play(pod)
      },
      list.metadata.resourceVersion,
    ),
  )
  await sleep(1000)
  const dep = (d) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `bench-${d}`, namespace: o.ns },
    spec: {
      replicas,
      selector: { matchLabels: { app: `bench-${d}` } },
      template: {
        metadata: { labels: { app: `bench-${d}` } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'c',
              image: 'bench:1',
              resources: { requests: { cpu: '10m', memory: '16Mi' } },
            },
          ],
        },
      },
    },
  })
  const deps = `/apis/apps/v1/namespaces/${o.ns}/deployments`
  const total = replicas * deployments
  const limit = num('timeout') * 1000
  const start = performance.now()
  await spread(deployments, 8, (d) => call('POST', deps, dep(d)))
  const until = async (f) => {
    while (!f() && performance.now() - start < limit) await sleep(10)
  }
  await until(() => running.size >= total)
  const allRunning = performance.now() - start
  const ready = async () =>
    (await call('GET', deps)).items.every((d) => (d.status?.readyReplicas ?? 0) >= replicas)
  while (!(await ready()) && performance.now() - start < limit) await sleep(50)
  const allReady = performance.now() - start
  const lat = [...running].map(([k, t]) => t - (created.get(k) ?? t))
  out.pods = {
    nodes,
    total,
    running: running.size,
    allRunningSeconds: +(allRunning / 1000).toFixed(2),
    deploymentReadySeconds: +(allReady / 1000).toFixed(2),
    podsPerSecond: Math.round(running.size / (allRunning / 1000)),
    startupMs: quantiles(lat),
    bindMs: quantiles([...bound].map(([k, t]) => t - (created.get(k) ?? t))),
  }
  const perNode = new Map()
  for (const pod of (await call('GET', `${nsPath}/pods`)).items)
    perNode.set(pod.spec.nodeName, (perNode.get(pod.spec.nodeName) ?? 0) + 1)
  out.pods.spread = {
    nodesUsed: perNode.size,
    min: Math.min(...perNode.values()),
    max: Math.max(...perNode.values()),
  }
  const del = performance.now()
  gone = 0
  await spread(deployments, 8, (d) =>
    call('DELETE', `${deps}/bench-${d}`, {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy: 'Background',
    }),
  )
  while (gone < total && performance.now() - del < limit) await sleep(10)
  out.pods.deleted = gone
  out.pods.deleteSeconds = +((performance.now() - del) / 1000).toFixed(2)
  out.pods.errors = errors.length
  if (errors.length) out.pods.firstError = errors[0]
  for (const stop of stops) stop()
}
console.log(JSON.stringify(out, null, 1))
process.exit(0)
