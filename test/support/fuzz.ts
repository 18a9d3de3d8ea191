/**
 * Fuzzing: many rounds from one seed, some at the same time, and what holds in all of them.
 *
 * `KUBUS_FUZZ_ROUNDS` says how many rounds (`npm run fuzz`: 100,000), `KUBUS_FUZZ_SEED` from which seed; a
 * failure names its round's own, which repeats it.
 */
import { Agent, request } from 'node:https'
import * as assert from 'uvu/assert'
import { connection, type TestApiserver } from './api-server.ts'
import { type Chance, chanceOf } from './chance.ts'

const ROUNDS = Number(process.env['KUBUS_FUZZ_ROUNDS'] ?? 400)
const SEED = Number(process.env['KUBUS_FUZZ_SEED'] ?? 1)
const WORKERS = 8
const ANSWER_MAX_MS = 30_000
/** Different ones; their last lines tell them apart. */
const FAILURES_MAX = 25
/** More resident memory than this after all rounds is a leak. */
const MEMORY_MAX_BYTES = 1_200_000_000

/** Runs the rounds; a round answers what is wrong, if anything. Workers do not share anything. */
export const explore = async (
  round: (chance: Chance, worker: number) => Promise<string | undefined>,
): Promise<void> => {
  const failures = new Map<string, string>()
  let next = 0
  const work = async (worker: number): Promise<void> => {
    while (next < ROUNDS && failures.size < FAILURES_MAX) {
      const seed = SEED * 1_000_003 + next++
      const fault = await round(chanceOf(seed), worker).catch(
        (error: unknown) => `threw ${error instanceof Error ? error.stack : String(error)}`,
      )
      const line = fault?.slice(fault.lastIndexOf('\n') + 1)
      if (line && !failures.has(line)) failures.set(line, `seed ${seed}: ${fault}`)
    }
  }
  await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)))
  assert.is([...failures.values()].join('\n'), '')
  const { rss } = process.memoryUsage()
  assert.ok(rss < MEMORY_MAX_BYTES, `${Math.round(rss / 1e6)} MB are in use`)
}

export interface RawAnswer {
  code: number
  type: string
  body: Buffer
}

/** Sends requests on kept connections; rejects when there is no answer. */
export const fuzzClient = (api: TestApiserver) => {
  const agent = new Agent({ keepAlive: true, maxSockets: WORKERS })
  const options = connection(api.pki, api.port, api.pki.admin)
  const call = (
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: Buffer,
  ): Promise<RawAnswer> =>
    new Promise((resolve, reject) => {
      const length = body ? { 'content-length': String(body.length) } : {}
      const sent = request(
        { ...options, agent, method, path, headers: { ...headers, ...length } },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () =>
            resolve({
              code: response.statusCode ?? 0,
              type: response.headers['content-type'] ?? '',
              body: Buffer.concat(chunks),
            }),
          )
        },
      )
      sent.setTimeout(ANSWER_MAX_MS, () => sent.destroy(new Error('no answer')))
      sent.on('error', reject)
      sent.end(body)
    })
  return { call, close: () => agent.destroy() }
}

/** What is wrong with an answer to nonsense; undefined: nothing. */
export const faultOf = ({ code, type, body }: RawAnswer): string | undefined => {
  if (code < 200 || code > 599) return `answered ${code}`
  const shown = () => `${code} ${body.toString().slice(0, 300)}`
  if (code === 500 && body.includes('InternalError')) return shown()
  if (!type.startsWith('application/json') || body.length === 0) return undefined
  try {
    const { kind } = JSON.parse(body.toString())
    return code >= 400 && kind !== 'Status' ? `no Status: ${shown()}` : undefined
  } catch {
    return `no JSON: ${shown()}`
  }
}
