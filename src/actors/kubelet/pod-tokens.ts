/**
 * Tokens of pods' service accounts: asked for through the API, kept in memory, renewed before they end.
 *
 * After Kubernetes 1.36 (`pkg/kubelet/token`): bound to the pod, renewed after 80 % of their life or a day. One a
 * node. Invariant: a token that is still good is never lost to a failed renewal; the gate, which nodes of a process
 * share, bounds the requests under way. It writes no files.
 */
import type { Pod } from '../../api/core/pod.ts'
import type { Client, IssuedToken } from '../../client/client.ts'
import { VolumeError } from '../../node/volumes.ts'
import type { Clock } from '../../std/clock.ts'
import type { Gate } from '../../std/gate.ts'
import { randomFraction } from '../../std/ids.ts'
import type { Log } from '../../std/log.ts'

export interface TokenQuery {
  /** Of the API itself, if it is not given. */
  audience?: string
  expirationSeconds: number
}

interface Kept {
  token: string
  expiresAtMs: number
  renewAtMs: number
}

export interface PodTokensPorts {
  client: Client
  clock: Clock
  log: Log
  /** Bounds the requests under way, of all nodes of a process. */
  gate: Gate
}

const DAY_MS = 24 * 3600 * 1000
const LIFE_SHARE = 0.8
const JITTER_MS = 10_000
/** After a failed renewal. */
const RETRY_MS = 60_000

export class PodTokens {
  /** By pod, then by what was asked for. */
  private readonly kept = new Map<string, Map<string, Kept>>()
  private readonly asking = new Map<string, Promise<string>>()

  constructor(private readonly ports: PodTokensPorts) {}

  /** A token that need not be renewed yet. Rejects with VolumeError when there is none to be had. */
  of(pod: Pod, query: TokenQuery): Promise<string> {
    const { uid } = pod.metadata
    const key = `${query.expirationSeconds} ${query.audience ?? ''}`
    const known = this.kept.get(uid)?.get(key)
    if (known && this.ports.clock.now() < known.renewAtMs) return Promise.resolve(known.token)
    const asked = `${uid} ${key}`
    let answer = this.asking.get(asked)
    if (!answer) {
      answer = this.renew(pod, query, key, known).finally(() => this.asking.delete(asked))
      this.asking.set(asked, answer)
    }
    return answer
  }

  /** When the first token that the pod got is to be renewed, in ms since the epoch. */
  renewAtMs(uid: string): number | undefined {
    const kept = this.kept.get(uid)
    return kept && Math.min(...Array.from(kept.values(), ({ renewAtMs }) => renewAtMs))
  }

  forget(uid: string): void {
    this.kept.delete(uid)
  }

  private async renew(
    pod: Pod,
    query: TokenQuery,
    key: string,
    known: Kept | undefined,
  ): Promise<string> {
    const { clock, log } = this.ports
    const { uid, namespace, name } = pod.metadata
    try {
      const fresh = await this.ports.gate(() => this.request(pod, query))
      const kept = this.kept.get(uid) ?? new Map<string, Kept>()
      this.kept.set(uid, kept.set(key, fresh))
      return fresh.token
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      if (!known) throw new VolumeError(`failed to fetch token: ${text}`)
      if (clock.now() > known.expiresAtMs)
        throw new VolumeError(`token ${key} expired and refresh failed: ${text}`)
      log.warn({ error, namespace, name }, 'a token of a pod was not renewed')
      known.renewAtMs = clock.now() + RETRY_MS
      return known.token
    }
  }

  private async request(pod: Pod, { audience, expirationSeconds }: TokenQuery): Promise<Kept> {
    const { namespace = '', name, uid } = pod.metadata
    const account = { namespace, name: pod.spec?.serviceAccountName ?? '' }
    const issued = await this.ports.client.createToken(account, {
      ...(audience ? { audiences: [audience] } : {}),
      expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    })
    return keptOf(issued, expirationSeconds)
  }
}

/** The life that was asked for counts, not the longer one for which the API may honour the token. */
const keptOf = ({ token, expirationTimestamp }: IssuedToken, askedSeconds: number): Kept => {
  const expiresAtMs = Date.parse(expirationTimestamp)
  const lifeMs = askedSeconds * 1000
  const afterMs = Math.min(lifeMs * LIFE_SHARE, DAY_MS)
  const renewAtMs = expiresAtMs - lifeMs + afterMs - randomFraction() * JITTER_MS
  return { token, expiresAtMs, renewAtMs }
}
