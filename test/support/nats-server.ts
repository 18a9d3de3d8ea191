/**
 * Starts a real nats-server with JetStream on a free port, in a folder of its own, and can kill it.
 *
 * The binary is `KUBUS_NATS_SERVER`, or in PATH, or in the repository's state folder.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface NatsServer {
  /** `127.0.0.1:<port>` */
  url: string
  dir: string
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it again on the same port and folder. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

export interface NatsServerOptions {
  /** Lines added to the configuration. */
  config?: string
  maxPayload?: number
}

export const findNatsServer = (): string => {
  const candidates = [process.env['KUBUS_NATS_SERVER'], 'nats-server', '.kubus/tools/nats-server']
  for (const candidate of candidates) {
    if (!candidate) continue
    if (candidate.includes('/') && !existsSync(candidate)) continue
    if (spawnSync(candidate, ['--version']).status === 0) return candidate
  }
  throw new Error('nats-server 2.12 or newer is needed: set KUBUS_NATS_SERVER or put it in PATH')
}

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()))

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    // Whoever connects to a free port may be given that very port, and so meet itself, which says nothing.
    socket.setTimeout(2_000, () => socket.destroy())
    socket.once('data', () => {
      resolve(true)
      socket.destroy()
    })
    socket.on('error', () => undefined)
    socket.once('close', () => resolve(false))
  })

export const startNatsServer = async ({
  config = '',
  maxPayload = 8 * 1024 * 1024,
}: NatsServerOptions = {}): Promise<NatsServer> => {
  const binary = findNatsServer()
  const dir = await mkdtemp(join(tmpdir(), 'kubus-nats-'))
  const port = await freePort()
  const file = join(dir, 'nats.conf')
  await writeFile(
    file,
    `listen: "127.0.0.1:${port}"
max_payload: ${maxPayload}
jetstream { store_dir: "${dir}", sync_interval: always }
${config}
`,
  )
  let child: ChildProcess
  const start = async () => {
    child = spawn(binary, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    let output = ''
    child.stderr?.on('data', (data) => {
      output = `${output}${data}`.slice(-4_000)
    })
    for (let attempt = 0; attempt < 400; attempt++) {
      if (child.exitCode !== null) throw new Error(`nats-server ended: ${output}`)
      if (await answers(port)) return
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error(`nats-server does not answer: ${output}`)
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await ended(child)
  }
  process.once('exit', () => child.kill('SIGKILL'))
  await start()
  return {
    url: `127.0.0.1:${port}`,
    dir,
    kill,
    restart: start,
    stop: async () => {
      child.kill('SIGTERM')
      const forced = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await ended(child)
      clearTimeout(forced)
      await rm(dir, { recursive: true, force: true })
    },
  }
}
