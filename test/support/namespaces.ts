/**
 * Network namespaces for tests: a host with pods behind it and a client outside, joined by veth pairs.
 *
 * Everything is named `kbe-<pid>-…` and goes with `remove()`, servers included. Needs root and `ip`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Namespaces {
  /** The namespace in which rules belong. */
  readonly host: string
  /** Adds a namespace behind the host; returns its address. Answers HTTP on 8080 with `<name> <peer>`. */
  addPod(name: string, ip: string): Promise<void>
  /** Adds a namespace outside: `10.232.0.2`, with the host at `10.232.0.1`. */
  addClient(name: string): void
  /** Sends `count` requests one after the other, each on a new connection; a failure is its error code. */
  fetch(from: string, url: string, count?: number): Promise<string[]>
  remove(): Promise<void>
}

const SERVER = `
const [name] = process.argv.slice(1)
require('node:http').createServer((request, response) => {
  response.setHeader('connection', 'close')
  response.end(name + ' ' + request.socket.remoteAddress)
}).listen(8080, '0.0.0.0', () => console.log('ready'))`

const CLIENT = `
const http = require('node:http')
const [url, count] = process.argv.slice(1)
const once = () => new Promise((resolve) => {
  const request = http.get(url, { agent: false, timeout: 1500 }, (response) => {
    let text = ''
    response.on('data', (data) => { text += data })
    response.on('end', () => resolve(text))
  })
  request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: 'TIMEOUT' })))
  request.on('error', (error) => resolve(error.code))
})
const main = async () => { for (let i = 0; i < Number(count); i++) console.log(await once()) }
main()`

export const createNamespaces = (): Namespaces => {
  const prefix = `kbe-${process.pid}`
  const names: string[] = []
  const servers: ChildProcess[] = []
  const full = (name: string) => `${prefix}-${name}`
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })
  const host = full('host')

  const addNamespace = (name: string) => {
    ip('netns', 'add', name)
    names.push(name)
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }

  /** Joins a new namespace to the host by a veth pair. */
  const join = (name: string, inside: string, outside: string, prefixLength: number) => {
    const own = full(name)
    const link = `v${names.length}`
    addNamespace(own)
    ip('-n', host, 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', own)
    ip('-n', host, 'addr', 'add', `${outside}/${prefixLength}`, 'dev', link)
    ip('-n', host, 'link', 'set', link, 'up')
    ip('-n', own, 'addr', 'add', `${inside}/${prefixLength}`, 'dev', 'eth0')
    ip('-n', own, 'link', 'set', 'eth0', 'up')
    ip('-n', own, 'route', 'add', 'default', 'via', outside)
    return link
  }

  addNamespace(host)
  return {
    host,
    addPod: async (name, address) => {
      join(
        name,
        address,
        address.replace(/\d+$/, (last) => String(Number(last) - 1)),
        30,
      )
      const words = ['netns', 'exec', full(name), process.execPath, '-e', SERVER, name]
      const server = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
      servers.push(server)
      await once(server.stdout, 'data')
    },
    addClient: (name) => {
      const link = join(name, '10.232.0.2', '10.232.0.1', 24)
      ip('-n', host, 'route', 'add', 'default', 'dev', link)
    },
    fetch: async (from, url, count = 1) => {
      const namespace = from === 'host' ? host : full(from)
      const words = ['netns', 'exec', namespace, process.execPath, '-e', CLIENT, url, String(count)]
      const client = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
      let output = ''
      client.stdout.on('data', (data) => {
        output += data
      })
      await once(client, 'close')
      return output.trim().split('\n')
    },
    remove: async () => {
      for (const server of servers) {
        const ended = once(server, 'close')
        server.kill('SIGKILL')
        await ended
      }
      for (const name of names) ip('netns', 'del', name)
    },
  }
}
