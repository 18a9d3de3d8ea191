/**
 * The webhook that is asked about tokens which nobody here knows: a TokenReview is sent, its answer believed.
 *
 * Retries, audiences and lifetimes follow Kubernetes 1.36 (`plugin/pkg/authenticator/token/webhook`,
 * `pkg/authentication/token/cache`). Invariant: one question per token at a time; answers are kept for a while under
 * a keyed hash, for a bounded number of tokens; failures to ask are never kept.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { V1TokenReview } from '@kubernetes/client-node'
import { type Clock, sleep } from '../../../std/clock.ts'
import { randomFraction } from '../../../std/ids.ts'
import type { Log } from '../../../std/log.ts'
import type { RunningJudge } from './authentication.ts'
import { TokenRefused, type TokenVerdict } from './bearer-token.ts'
import { postJson, type RemoteConnection } from './remote-json.ts'

export interface TokenWebhookSettings {
  url: string
  connection: RemoteConnection
  /** How long an answer holds, in ms. */
  cacheMs: number
}

export interface TokenWebhookPorts {
  clock: Clock
  log: Log
  /** Of this API; what a webhook means that names none. */
  audiences: readonly string[]
}

const FIRST_RETRY_MS = 500
const RETRY_FACTOR = 1.5
const JITTER = 0.2
const ATTEMPTS = 5
const ANSWERS_MAX = 4096

interface Answer {
  verdict: Promise<TokenVerdict | undefined>
  untilMs: number
}

export const openTokenWebhook = (
  settings: TokenWebhookSettings,
  ports: TokenWebhookPorts,
): RunningJudge => {
  const { clock, log } = ports
  const secret = randomBytes(32)
  const answers = new Map<string, Answer>()
  const stopping = new AbortController()
  const judge = (token: string, audiences: readonly string[]) => {
    const key = createHmac('sha256', secret)
      .update(JSON.stringify([token, ...audiences]))
      .digest('base64')
    const now = clock.monotonic()
    const known = answers.get(key)
    if (known && known.untilMs > now) return known.verdict
    const asked = review(settings, token, audiences, clock, stopping.signal)
    const answer: Answer = {
      verdict: asked.then((status) => verdictOf(status, audiences, ports.audiences)),
      untilMs: now + settings.cacheMs,
    }
    answers.delete(key)
    answers.set(key, answer)
    if (answers.size > ANSWERS_MAX) answers.delete(answers.keys().next().value!)
    answer.verdict.catch(() => {
      if (answers.get(key) === answer) answers.delete(key)
    })
    asked.catch((error: Error) =>
      log.error({ url: settings.url, error: error.message }, 'the token webhook was not asked'),
    )
    return answer.verdict
  }
  return { judge, ready: Promise.resolve(), stop: () => stopping.abort(new Error('stopped')) }
}

type Status = NonNullable<V1TokenReview['status']>

/** Throws TokenRefused. */
const verdictOf = (
  { authenticated, audiences: given, error, user }: Status,
  asked: readonly string[],
  own: readonly string[],
): TokenVerdict | undefined => {
  const meant = given?.length ? given : own
  const audiences = asked.filter((audience) => meant.includes(audience))
  if (audiences.length === 0) return undefined
  if (!authenticated) {
    if (error) throw new TokenRefused(error)
    return undefined
  }
  const { username = '', uid, groups = [], extra } = user ?? {}
  return {
    user: { name: username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) },
    audiences,
  }
}

/** Throws TokenRefused when nobody answers. */
const review = async (
  { url, connection }: TokenWebhookSettings,
  token: string,
  audiences: readonly string[],
  clock: Clock,
  signal: AbortSignal,
): Promise<Status> => {
  const body = {
    kind: 'TokenReview',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {},
    spec: { token, audiences: [...audiences] },
    status: { user: {} },
  }
  let delayMs = FIRST_RETRY_MS
  for (let attempt = 1; ; attempt++) {
    let fault: string
    try {
      const { code, text } = await postJson(url, body, connection)
      if (code >= 200 && code < 300) return (JSON.parse(text) as V1TokenReview).status ?? {}
      fault = `the server answered with ${code}`
      if (code !== 429 && code < 500) throw new TokenRefused(fault)
    } catch (error) {
      if (error instanceof TokenRefused) throw error
      fault = (error as Error).message
    }
    if (attempt === ATTEMPTS) throw new TokenRefused(fault)
    await sleep(delayMs * (1 + JITTER * randomFraction()), clock, signal)
    delayMs *= RETRY_FACTOR
  }
}
