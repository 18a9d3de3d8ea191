/**
 * EventRateLimit: so many Events a second from one source, user, namespace or all together, and no more.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/eventratelimit`). Off unless it is asked for; each replica counts for
 * itself. Buckets are bounded: the one that was used longest ago is forgotten, and full when it comes again.
 */
import type { AnyKind } from '../../../api/kind.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { StatusError } from '../../../api/status-error.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

export interface EventRateLimitConfiguration {
  limits?: readonly EventLimit[]
}

export interface EventLimit {
  type: 'Server' | 'Namespace' | 'User' | 'SourceAndObject'
  /** Events a second. */
  qps: number
  burst: number
  /** How many buckets are kept; default 4096. */
  cacheSize?: number
}

const BUCKETS_MAX = 4096

/** Throws an Error for a configuration that says nothing of use. */
export const eventRateLimit = ({ limits = [] }: EventRateLimitConfiguration): AdmissionPlugin => {
  for (const [index, { type, qps, burst }] of limits.entries()) {
    if (!(type in KEYS)) throw new Error(`limits[${index}].type: Unsupported value: "${type}"`)
    if (!(qps > 0)) throw new Error(`limits[${index}].qps: Invalid value: ${qps}: must be positive`)
    if (!(burst > 0))
      throw new Error(`limits[${index}].burst: Invalid value: ${burst}: must be positive`)
  }
  if (limits.length === 0) throw new Error('limits: Invalid value: "null": must not be empty')
  const enforcers = limits.map(enforcerOf)
  return {
    name: 'EventRateLimit',
    handles: (kind, operation) =>
      isEvent(kind) && (operation === 'CREATE' || operation === 'UPDATE'),
    validate: (attributes) => {
      if (attributes.dryRun) return undefined
      const nowMs = attributes.services.clock.monotonic()
      const faults = enforcers.flatMap((accept) => accept(attributes, nowMs) ?? [])
      if (faults.length === 0) return undefined
      const why = faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`
      throw new StatusError(429, 'TooManyRequests', `Too many requests: ${why}`)
    },
  }
}

const isEvent = ({ kind, group }: AnyKind): boolean =>
  kind === 'Event' && (group === '' || group === 'events.k8s.io')

interface EventLike extends KubernetesObject {
  source?: { component?: string; host?: string }
  involvedObject?: EventReference
  regarding?: EventReference
  deprecatedSource?: { component?: string; host?: string }
}

interface EventReference {
  kind?: string
  namespace?: string
  name?: string
  uid?: string
  apiVersion?: string
}

const KEYS: Readonly<Record<EventLimit['type'], (attributes: AdmissionAttributes) => string>> = {
  Server: () => '',
  Namespace: ({ namespace = '' }) => namespace,
  User: ({ user }) => user.name,
  SourceAndObject: ({ object }) => {
    const event = object as EventLike
    const { component, host } = event.source ?? event.deprecatedSource ?? {}
    const about = event.involvedObject ?? event.regarding ?? {}
    const { kind, namespace, name, uid, apiVersion } = about
    return [component, host, kind, namespace, name, uid, apiVersion].join('')
  },
}

interface Bucket {
  tokens: number
  filledAtMs: number
}

/** Takes a token, or says why there is none. */
const enforcerOf = ({ type, qps, burst, cacheSize }: EventLimit) => {
  /** In the order of their last use. */
  const buckets = new Map<string, Bucket>()
  const bucketsMax = cacheSize || BUCKETS_MAX
  return (attributes: AdmissionAttributes, nowMs: number): string | undefined => {
    const key = KEYS[type](attributes)
    const bucket = buckets.get(key) ?? { tokens: burst, filledAtMs: nowMs }
    buckets.delete(key)
    buckets.set(key, bucket)
    if (buckets.size > bucketsMax) buckets.delete(buckets.keys().next().value!)
    const gained = ((nowMs - bucket.filledAtMs) / 1000) * qps
    bucket.tokens = Math.min(burst, bucket.tokens + gained)
    bucket.filledAtMs = nowMs
    if (bucket.tokens < 1) return `limit reached on type ${type} for key ${key}`
    bucket.tokens--
    return undefined
  }
}
