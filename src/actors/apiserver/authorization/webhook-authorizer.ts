/**
 * The authorizer that asks somebody else: a SubjectAccessReview is sent, its answer believed for a while.
 *
 * Retries, lifetimes and failure policy follow Kubernetes 1.36 (`plugin/pkg/authorizer/webhook`). Invariant: answers
 * are kept for a bounded number of questions of bounded size; failures to ask are never kept; the same question is
 * asked once at a time.
 */
import type { V1SubjectAccessReviewStatus } from '@kubernetes/client-node'
import type { WebhookConfiguration } from '../../../api/authorization/authorization-configuration.ts'
import { type Clock, sleep } from '../../../std/clock.ts'
import { randomFraction } from '../../../std/ids.ts'
import type { Log } from '../../../std/log.ts'
import { postJson, type RemoteConnection } from '../authentication/remote-json.ts'
import type { Attributes, Decision } from './attributes.ts'
import type { Stage } from './authorizer.ts'
import { type ReviewSpec, specOf } from './review-spec.ts'

export interface WebhookAuthorizerSettings {
  name: string
  configuration: WebhookConfiguration
  url: string
  connection: RemoteConnection
}

export interface WebhookPorts {
  clock: Clock
  log: Log
}

const FIRST_RETRY_MS = 500
const RETRY_FACTOR = 1.5
const JITTER = 0.2
const ATTEMPTS = 5
const ANSWERS_MAX = 8192
/** Characters of what the asker chose; longer questions are not remembered. */
const QUESTION_MAX = 10_000

type Status = Partial<V1SubjectAccessReviewStatus>

/** Throws CompileError. */
export const webhookStage = async (
  settings: WebhookAuthorizerSettings,
  ports: WebhookPorts,
): Promise<Stage> => {
  const { matchConditions } = settings.configuration
  if (matchConditions.length === 0) return new WebhookAuthorizer(settings, ports, undefined)
  const { MatchConditions } = await import('../../../api/authorization/match-conditions.ts')
  return new WebhookAuthorizer(settings, ports, new MatchConditions(matchConditions))
}

class WebhookAuthorizer implements Stage {
  private readonly settings: WebhookAuthorizerSettings
  private readonly ports: WebhookPorts
  private readonly conditions: { match(request: object): boolean } | undefined
  private readonly answers = new Map<string, { status: Status; untilMs: number }>()
  private readonly asking = new Map<string, Promise<Decision>>()
  private readonly stopping = new AbortController()

  constructor(
    settings: WebhookAuthorizerSettings,
    ports: WebhookPorts,
    conditions: { match(request: object): boolean } | undefined,
  ) {
    this.settings = settings
    this.ports = ports
    this.conditions = conditions
  }

  decide(attributes: Attributes): Decision | Promise<Decision> {
    const spec = specOf(attributes)
    try {
      if (this.conditions && !this.conditions.match(completed(spec))) return NO_OPINION
    } catch (error) {
      return this.failed((error as Error).message)
    }
    const key = JSON.stringify(spec)
    const known = this.answers.get(key)
    if (known && known.untilMs > this.ports.clock.monotonic()) return decisionOf(known.status)
    const asking = this.asking.get(key) ?? this.ask(key, spec, attributes)
    this.asking.set(key, asking)
    return asking
  }

  rulesFor() {
    const error = 'webhook authorizer does not support user rule resolution'
    return { rules: [], incomplete: true, error }
  }

  stop(): void {
    this.stopping.abort(new Error('stopped'))
  }

  private async ask(key: string, spec: ReviewSpec, attributes: Attributes): Promise<Decision> {
    const { name } = this.settings
    try {
      const status = await this.review(spec)
      if (sizeOf(attributes) < QUESTION_MAX) this.keep(key, status)
      return decisionOf(status)
    } catch (error) {
      const { message } = error as Error
      this.ports.log.error({ authorizer: name, error: message }, 'the authorizer was not asked')
      return this.failed(message)
    } finally {
      this.asking.delete(key)
    }
  }

  private keep(key: string, status: Status): void {
    const { configuration } = this.settings
    const isKept = status.allowed
      ? configuration.cacheAuthorizedRequests
      : configuration.cacheUnauthorizedRequests
    if (!isKept) return
    const ttl = status.allowed ? configuration.authorizedTtlMs : configuration.unauthorizedTtlMs
    this.answers.delete(key)
    this.answers.set(key, { status, untilMs: this.ports.clock.monotonic() + ttl })
    if (this.answers.size > ANSWERS_MAX) this.answers.delete(this.answers.keys().next().value!)
  }

  private failed(error: string): Decision {
    const isDenied = this.settings.configuration.failurePolicy === 'Deny'
    return isDenied ? { allowed: false, denied: true, error } : { allowed: false, error }
  }

  /** Throws Error when nobody answers. */
  private async review(spec: ReviewSpec): Promise<Status> {
    const { url, connection, configuration } = this.settings
    const { subjectAccessReviewVersion: version, timeoutMs } = configuration
    const body = {
      kind: 'SubjectAccessReview',
      apiVersion: `authorization.k8s.io/${version}`,
      metadata: {},
      spec: version === 'v1' ? spec : inBeta(spec),
      status: { allowed: false },
    }
    let delayMs = FIRST_RETRY_MS
    for (let attempt = 1; ; attempt++) {
      let fault: Error
      try {
        const { code, text } = await postJson(url, body, { ...connection, timeoutMs })
        if (code >= 200 && code < 300) return (JSON.parse(text) as { status?: Status }).status ?? {}
        fault = new Error(`the server answered with ${code}`)
        if (!RETRIED.has(code)) throw fault
      } catch (error) {
        fault = error as Error
        if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET' && !isRetried(fault)) throw fault
      }
      if (attempt === ATTEMPTS) throw fault
      await sleep(delayMs * (1 + JITTER * randomFraction()), this.ports.clock, this.stopping.signal)
      delayMs *= RETRY_FACTOR
    }
  }
}

const NO_OPINION: Decision = { allowed: false }
const RETRIED: ReadonlySet<number> = new Set([429, 500, 504])
const isRetried = ({ message }: Error): boolean =>
  [...RETRIED].some((code) => message === `the server answered with ${code}`)

const decisionOf = ({ allowed = false, denied = false, reason }: Status): Decision => {
  const why = reason ? { reason } : {}
  if (denied && allowed) {
    const error = 'webhook subject access review returned both allow and deny response'
    return { allowed: false, denied: true, ...why, error }
  }
  return denied ? { allowed: false, denied: true, ...why } : { allowed, ...why }
}

/** v1beta1 calls groups otherwise. */
const inBeta = ({ groups, ...spec }: ReviewSpec): object => ({
  ...spec,
  ...(groups ? { group: groups } : {}),
})

/** With the fields that expressions may name, also where they are empty. */
const completed = (spec: ReviewSpec): object => {
  const { resourceAttributes, nonResourceAttributes, user = '', groups = [], extra = {} } = spec
  return {
    user,
    groups,
    extra,
    uid: spec.uid ?? '',
    ...(resourceAttributes ? { resourceAttributes: { ...EMPTY, ...resourceAttributes } } : {}),
    ...(nonResourceAttributes
      ? { nonResourceAttributes: { path: '', verb: '', ...nonResourceAttributes } }
      : {}),
  }
}

const EMPTY = {
  namespace: '',
  verb: '',
  group: '',
  version: '',
  resource: '',
  subresource: '',
  name: '',
}

const sizeOf = (attributes: Attributes): number => {
  const { namespace, verb, group, version, resource, subresource, name, path } = attributes
  return [namespace, verb, group, version, resource, subresource, name, path].join('').length
}
