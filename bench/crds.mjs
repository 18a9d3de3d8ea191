/**
 * What many custom kinds cost: memory of all processes, and requests of other kinds, before and after.
 *
 *     node bench/crds.mjs [--count 200] [--kib 24] [--objects 0]
 *
 * `kib` is the size of each definition, mostly descriptions and fields, as generated ones have. The cluster is
 * made for the purpose and purged.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '200' },
    kib: { type: 'string', default: '24' },
    objects: { type: 'string', default: '0' },
    'api-port': { type: 'string', default: '16443' },
    'nats-port': { type: 'string', default: '14222' },
    kubus: { type: 'string' },
  },
})
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const kubus = options.kubus ?? join(root, 'bin/kubus')
const data = mkdtempSync(join(tmpdir(), 'kubus-crds-'))
const count = Number(options.count)
const objects = Number(options.objects)

const up = () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    // biome-ignore format: one line of flags
    [kubus, 'up', '--detach', '--data', data, '--runtime', 'hollow', '--nodes', '5', '--api-port', options['api-port'], '--nats-port', options['nats-port']],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`up failed: ${stderr}`)
}

const memoryMiB = () => {
  const state = JSON.parse(readFileSync(join(data, 'running.json'), 'utf8'))
  return Object.fromEntries(
    [{ name: 'supervisor', pid: state.pid }, ...state.processes].map(({ name, pid }) => {
      const text = readFileSync(`/proc/${pid}/status`, 'utf8')
      return [name, Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024)]
    }),
  )
}
const total = (memory) => Object.values(memory).reduce((sum, size) => sum + size, 0)

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
let agent
const call = (method, path, body) =>
  new Promise((resolve, reject) => {
    const text = body && JSON.stringify(body)
    const sent = request(
      {
        agent,
        method,
        path,
        host: '127.0.0.1',
        port: options['api-port'],
        headers: text
          ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
          : {},
      },
      (answer) => {
        let received = ''
        answer.on('data', (chunk) => {
          received += chunk
        })
        answer.on('end', () => {
          if (answer.statusCode > 299) reject(new Error(`${method} ${path}: ${received}`))
          else resolve(JSON.parse(received))
        })
      },
    )
    sent.on('error', reject)
    sent.end(text)
  })

const WORDS = 'It says what the field is for, which values it takes and what happens without it. '
const schemaOf = (bytes) => {
  const properties = {}
  for (let at = 0, size = 0; size < bytes; at++) {
    const field = {
      type: 'object',
      description: WORDS.repeat(2),
      properties: {
        name: { type: 'string', maxLength: 63, description: WORDS },
        value: { type: 'string', default: 'none' },
        weights: { type: 'array', items: { type: 'integer', minimum: 0 } },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
      },
    }
    properties[`field${at}`] = field
    size += JSON.stringify(field).length
  }
  return { type: 'object', properties: { spec: { type: 'object', properties } } }
}

const definition = (at) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `things${at}.bench.example.com` },
  spec: {
    group: 'bench.example.com',
    scope: 'Namespaced',
    names: { plural: `things${at}`, kind: `Thing${at}` },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: schemaOf(Number(options.kib) * 1024) },
      },
    ],
  },
})

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const quantile = (times, part) => times[Math.floor(times.length * part)].toFixed(2)

/** p50 and p99 in ms of creates and gets, one after the other. */
const latencies = async (tag) => {
  const creates = []
  const gets = []
  for (let at = 0; at < 500; at++) {
    const startedAt = performance.now()
    await call('POST', CONFIG_MAPS, { metadata: { name: `${tag}-${at}` }, data: { a: 'b' } })
    const createdAt = performance.now()
    await call('GET', `${CONFIG_MAPS}/${tag}-${at}?resourceVersion=0`)
    creates.push(createdAt - startedAt)
    gets.push(performance.now() - createdAt)
  }
  const show = (times) => {
    times.sort((a, b) => a - b)
    return `p50 ${quantile(times, 0.5)}, p99 ${quantile(times, 0.99)} ms`
  }
  return `create ${show(creates)}; get ${show(gets)}`
}

const define = async () => {
  const startedAt = performance.now()
  for (let at = 0; at < count; at++)
    await call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition(at))
  const createdMs = performance.now() - startedAt
  for (let at = 0; at < count; at++)
    for (;;) {
      const path = `/apis/bench.example.com/v1/namespaces/default/things${at}`
      if (await call('GET', path).catch(() => undefined)) break
      await sleep(10)
    }
  const servedMs = performance.now() - startedAt
  console.log(
    `${count} definitions created in ${Math.round(createdMs)} ms, served after ${Math.round(servedMs)} ms`,
  )
}

try {
  up()
  agent = new Agent({
    keepAlive: true,
    maxSockets: 16,
    ca: readFileSync(join(data, 'pki/ca.crt')),
    cert: readFileSync(join(data, 'pki/admin.crt')),
    key: readFileSync(join(data, 'pki/admin.key')),
  })
  await latencies('warm')
  await sleep(5_000)
  const before = memoryMiB()
  console.log('before:', await latencies('before'), JSON.stringify(before), total(before), 'MiB')
  await define()
  for (let at = 0; at < objects; at += 16)
    await Promise.all(
      Array.from({ length: 16 }, (_, i) =>
        call('POST', `/apis/bench.example.com/v1/namespaces/default/things${(at + i) % count}`, {
          apiVersion: 'bench.example.com/v1',
          kind: `Thing${(at + i) % count}`,
          metadata: { name: `thing-${at + i}` },
          spec: { field0: { name: 'x', weights: [1, 2, 3] } },
        }),
      ),
    )
  await sleep(10_000)
  const after = memoryMiB()
  console.log('after: ', await latencies('after'), JSON.stringify(after), total(after), 'MiB')
  console.log(`memory: +${total(after) - total(before)} MiB`)
} finally {
  agent?.destroy()
  spawnSync(process.execPath, [kubus, 'down', '--purge', '--data', data])
  rmSync(data, { recursive: true, force: true })
}
