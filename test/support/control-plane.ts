/**
 * nats-server, store and apiserver for a test, with a kubeconfig for the real kubectl.
 *
 * Invariant: `stop` leaves nothing behind. There are no controllers, nodes or scheduler.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { startStore } from '../../src/actors/store/store.ts'
import type { Bus } from '../../src/bus/bus.ts'
import { connectBus } from '../../src/bus/nats-bus.ts'
import type { Client } from '../../src/client/client.ts'
import { openCache } from '../../src/client/stream-cache.ts'
import { systemClock } from '../../src/std/clock.ts'
import { startTestApiserver, type TestApiserver } from './api-server.ts'
import { type NatsServer, startNatsServer } from './nats-server.ts'

export interface ControlPlane {
  api: TestApiserver
  bus: Bus
  nats: NatsServer
  /** A folder for files of the test; `admin.crt` and `admin.key` are in it. */
  dir: string
  /** Runs kubectl; rejects with its output when it fails. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>
  stop(): Promise<void>
}

export interface KubectlOptions {
  input?: string
  env?: Record<string, string>
}

const LOG = pino({ level: process.env['KUBUS_LOG'] ?? 'warn' })

export const startControlPlane = async (port = 0): Promise<ControlPlane> => {
  const nats = await startNatsServer()
  const dir = await mkdtemp(join(tmpdir(), 'kubus-control-plane-'))
  const { api, bus, stop } = await startMaster(nats, { port })
  const kubeconfig = join(dir, 'kubeconfig')
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(api)))
  await writeFile(join(dir, 'admin.crt'), api.pki.admin.certificate)
  await writeFile(join(dir, 'admin.key'), api.pki.admin.key)
  return {
    api,
    bus,
    nats,
    dir,
    kubectl: (args, options) => kubectl(dir, args, options),
    stop: async () => {
      await stop()
      await nats.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** One connection, cache, store and apiserver; several share a nats-server as processes would. */
export const startMaster = async (
  nats: NatsServer,
  { port = 0, replica = 1 }: { port?: number; replica?: number } = {},
): Promise<{ api: TestApiserver; bus: Bus; stop(): Promise<void> }> => {
  const clock = systemClock
  const name = `test-${replica}`
  const { bus, streams } = await connectBus({ servers: [nats.url], name, log: LOG, clock })
  const cache = await openCache({ streams, clock, log: LOG })
  const store = await startStore({
    streams,
    cache,
    bus,
    client: {} as Client,
    clock,
    log: LOG,
    identity: name,
    version: '0.1.0',
    replicas: 1,
  })
  await store.ready
  const api = await startTestApiserver(store.storage, bus, port, replica)
  return {
    api,
    bus,
    stop: async () => {
      await api.stop()
      await store.stop()
      await cache.stop()
      await bus.drain()
    },
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const kubeconfigOf = ({ port, pki }: TestApiserver): object => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: 'test',
      cluster: {
        server: `https://127.0.0.1:${port}`,
        'certificate-authority-data': base64(pki.authority.certificate),
      },
    },
  ],
  users: [
    {
      name: 'admin',
      user: {
        'client-certificate-data': base64(pki.admin.certificate),
        'client-key-data': base64(pki.admin.key),
      },
    },
  ],
  contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
  'current-context': 'test',
})

const kubectl = (
  dir: string,
  args: readonly string[],
  { input, env }: KubectlOptions = {},
): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn('kubectl', args, {
      env: { ...process.env, KUBECONFIG: join(dir, 'kubeconfig'), HOME: dir, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout!.on('data', (data) => {
      stdout += data
    })
    child.stderr!.on('data', (data) => {
      stderr += data
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(stdout)
      else reject(new Error(`kubectl ${args.join(' ')}: ${stderr}${stdout}`))
    })
    child.stdin?.end(input)
  })
