/**
 * A connection to a port of a pod, for port forwarding.
 *
 * Invariant: it reaches what the pod's own processes reach on localhost. A server that listens on every address
 * answers at the pod's address; one that listens on the pod's loopback only is reached by a small relay process
 * inside the pod's network namespace.
 */
import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { RuntimeError } from '../runtime.ts'

export interface ConnectTarget {
  host: string
  /** A process in the pod's network namespace; undefined on the host's network. */
  pid: number | undefined
}

/** What the server ends has been written by then: to a pipe Node writes at once. Either side may end first. */
const RELAY = `
const s = require('net').connect({ port: Number(process.argv[1]), host: '127.0.0.1', allowHalfOpen: true })
s.on('error', (e) => { console.error(e.message); process.exit(1) })
s.on('connect', () => { process.stderr.write('ok'); process.stdin.pipe(s); s.pipe(process.stdout) })
s.on('end', () => require('fs').closeSync(1))
s.on('close', () => process.exit(0))
`

export const connectTo = async (
  { host, pid }: ConnectTarget,
  port: number,
  podAddressOnly = false,
): Promise<Duplex> => {
  try {
    return await direct(host, port, podAddressOnly)
  } catch (error) {
    if (pid === undefined || podAddressOnly) throw error
    return relayed(pid, port)
  }
}

/** `connect ECONNREFUSED 10.0.0.1:80` in the words of Kubernetes' own messages. */
const failure = (port: number, message: string, isOutside = false) =>
  new RuntimeError(
    'Unknown',
    isOutside
      ? plainReason(message)
      : `failed to connect to localhost:${port} inside the pod: ${plainReason(message)}`,
  )

const plainReason = (message: string): string => {
  const [, code, address] = /^connect (E[A-Z]+) (\S+)/.exec(message) ?? []
  const words = code === undefined ? undefined : WORDS[code]
  return words === undefined ? message : `dial tcp ${address}: connect: ${words}`
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
}

const direct = (host: string, port: number, isOutside: boolean): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true })
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (error) => reject(failure(port, error.message, isOutside)))
  })

const relayed = (pid: number, port: number): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      'nsenter',
      [`--net=/proc/${pid}/ns/net`, process.execPath, '-e', RELAY, String(port)],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    )
    child.once('error', (error) => reject(failure(port, error.message)))
    child.stderr.once('data', (data: Buffer) => {
      if (data.toString() !== 'ok') return reject(failure(port, data.toString().trim()))
      const duplex = Duplex.from({ readable: child.stdout, writable: child.stdin })
      duplex.once('close', () => child.kill())
      resolve(duplex)
    })
  })
