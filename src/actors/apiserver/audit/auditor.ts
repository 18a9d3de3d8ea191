/**
 * The books: who asked what, when, and how it ended, as the operator's policy says.
 *
 * Events are Kubernetes' `audit.k8s.io/v1` Events, one JSON line each. Invariant: every request of either door is
 * judged by the policy once; what is audited ends in exactly one ResponseComplete (or Panic). Without a policy
 * there is no auditor, and requests cost nothing.
 */
import {
  type AuditAttributes,
  type AuditPolicy,
  type AuditRule,
  type AuditStage,
  isAtLeast,
  ruleFor,
} from '../../../api/audit-policy.ts'
import type { UserInfo } from '../../../api/kind.ts'
import { jsonWithManagers } from '../../../api/managed-fields/manager-entry.ts'
import type { Status } from '../../../api/status-error.ts'
import type { Bus } from '../../../bus/bus.ts'
import { subjectsFor } from '../../../bus/subjects.ts'
import type { Clock } from '../../../std/clock.ts'
import type { ApiResult } from '../request.ts'

/** One event, for the log file or the bus. */
export type AuditSink = (line: string, event: AuditEvent) => void

export interface AuditedRequestFacts extends AuditAttributes {
  id: string
  /** The request's URI; on the bus its subject. */
  uri: string
  user: UserInfo | undefined
  /** On whose behalf `user` asks. */
  impersonated?: UserInfo | undefined
  apiVersion?: string
  sourceIPs: readonly string[]
  userAgent: string | undefined
  receivedMs: number
}

export interface AuditEvent {
  kind: 'Event'
  apiVersion: 'audit.k8s.io/v1'
  level: string
  auditID: string
  stage: AuditStage
  requestURI: string
  verb: string
  user: object
  objectRef?: { resource?: string; namespace?: string; name?: string }
  [field: string]: unknown
}

export interface AuditOptions {
  policy: AuditPolicy
  /** Takes the lines of the log. */
  write(line: string): void
  /** Hands over policies that replace it. */
  onPolicy?(take: (policy: AuditPolicy) => void): void
}

/** Books that are kept in the log and told on the bus: `kubus.audit.<verb>.<resource or _>.<namespace or _>`. */
export const openBooks = (options: AuditOptions, bus: Bus, clock: Clock): Auditor => {
  const subjects = subjectsFor(bus.prefix)
  const tell: AuditSink = (line, { verb, objectRef }) =>
    bus.publishJson(subjects.audit(verb, objectRef?.resource, objectRef?.namespace), line)
  const auditor = new Auditor(options.policy, clock, [options.write, tell])
  options.onPolicy?.((policy) => {
    auditor.policy = policy
  })
  return auditor
}

const USER_AGENT_MAX = 1024

export class Auditor {
  policy: AuditPolicy
  private readonly clock: Clock
  private readonly sinks: readonly AuditSink[]

  constructor(policy: AuditPolicy, clock: Clock, sinks: readonly AuditSink[]) {
    this.policy = policy
    this.clock = clock
    this.sinks = sinks
  }

  /** Undefined when the policy wants nothing of the request. */
  begin(facts: AuditedRequestFacts): AuditedRequest | undefined {
    const rule = ruleFor(this.policy, facts)
    if (!rule || rule.level === 'None') return undefined
    const audited = new AuditedRequest(facts, rule, this.clock, this.sinks)
    audited.write('RequestReceived')
    return audited
  }

  /** What was refused before it became a request of this server: one event, about its end. */
  refused(
    facts: AuditedRequestFacts,
    status: Status,
    annotations: Readonly<Record<string, string>>,
  ): void {
    const rule = ruleFor(this.policy, facts)
    if (!rule || rule.level === 'None') return
    const audited = new AuditedRequest(facts, rule, this.clock, this.sinks)
    for (const [key, value] of Object.entries(annotations)) audited.annotate(key, value)
    audited.answered(status.code ?? 403, status)
    audited.complete()
  }
}

type Loose = Record<string, unknown>

export class AuditedRequest {
  private readonly annotations: Record<string, string> = {}
  private requestObject: unknown
  private responseObject: unknown
  private responseStatus: object | undefined
  private name: string | undefined
  private isOver = false
  private readonly facts: AuditedRequestFacts
  private readonly rule: AuditRule
  private readonly clock: Clock
  private readonly sinks: readonly AuditSink[]

  constructor(
    facts: AuditedRequestFacts,
    rule: AuditRule,
    clock: Clock,
    sinks: readonly AuditSink[],
  ) {
    this.facts = facts
    this.rule = rule
    this.clock = clock
    this.sinks = sinks
    this.name = facts.name
  }

  /** What a step of the pipeline has to say from `level` on; the first word on a key counts. */
  annotate(key: string, value: string, level: 'Metadata' | 'Request' = 'Metadata'): void {
    if (isAtLeast(this.rule.level, level)) this.annotations[key] ??= value
  }

  /** The body as it was sent. */
  received(body: unknown): void {
    if (this.name === undefined)
      this.name = (body as { metadata?: Loose } | undefined)?.metadata?.['name'] as string
    if (isAtLeast(this.rule.level, 'Request')) this.requestObject = body
  }

  private get wantsResponse(): boolean {
    return isAtLeast(this.rule.level, 'RequestResponse')
  }

  /** The answer: its code, the Status where it is one, the object where it is wanted. */
  answered(code: number, status?: Status, object?: unknown): void {
    this.responseStatus = status ? { ...status, code } : { metadata: {}, code }
    if (object !== undefined) this.responseObject = object
  }

  /** What the pipeline came to. */
  answeredWith(result: ApiResult): void {
    const code = result.type === 'list' ? 200 : result.code
    this.answered(code, undefined, this.wantsResponse ? documentOf(result) : undefined)
  }

  /** A long-running request has begun to answer. */
  started(code: number): void {
    this.answered(code)
    this.write('ResponseStarted')
  }

  /** Over with `code`, unless more is known of the answer already. */
  completeWith(code: number): void {
    if (!this.responseStatus) this.answered(code)
    this.complete()
  }

  complete(): void {
    if (this.isOver) return
    this.isOver = true
    this.responseStatus ??= {
      metadata: {},
      status: 'Success',
      message: 'Connection closed early',
      code: 200,
    }
    this.write('ResponseComplete')
  }

  write(stage: AuditStage): void {
    if (this.rule.omitStages.includes(stage)) return
    const event = this.event(stage)
    const line = JSON.stringify(event)
    for (const sink of this.sinks) sink(line, event)
  }

  private event(stage: AuditStage): AuditEvent {
    const { facts, rule } = this
    const { user, impersonated, userAgent, sourceIPs } = facts
    const hasAnnotations = Object.keys(this.annotations).length > 0
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: rule.level,
      auditID: facts.id,
      stage,
      requestURI: facts.uri,
      verb: facts.verb,
      user: user ? userOf(user) : {},
      ...(impersonated ? { impersonatedUser: userOf(impersonated) } : {}),
      ...(sourceIPs.length > 0 ? { sourceIPs } : {}),
      ...(userAgent ? { userAgent: shortened(userAgent) } : {}),
      ...(facts.resource === undefined ? {} : { objectRef: this.objectRef() }),
      ...(this.responseStatus ? { responseStatus: this.responseStatus } : {}),
      ...(this.requestObject === undefined
        ? {}
        : { requestObject: this.shown(this.requestObject) }),
      ...(this.responseObject === undefined
        ? {}
        : { responseObject: this.shown(this.responseObject) }),
      requestReceivedTimestamp: microTime(facts.receivedMs),
      stageTimestamp: microTime(this.clock.now()),
      ...(hasAnnotations ? { annotations: this.annotations } : {}),
    }
  }

  private objectRef(): NonNullable<AuditEvent['objectRef']> {
    const { resource, namespace, group, apiVersion, subresource } = this.facts
    return {
      ...(resource ? { resource } : {}),
      ...(namespace ? { namespace } : {}),
      ...(this.name ? { name: this.name } : {}),
      ...(group ? { apiGroup: group } : {}),
      ...(apiVersion ? { apiVersion } : {}),
      ...(subresource ? { subresource } : {}),
    }
  }

  private shown(object: unknown): unknown {
    return this.rule.omitManagedFields ? withoutManagedFields(object) : object
  }
}

/** As it is shown in JSON, with who manages its fields. */
const documentOf = (result: ApiResult): unknown => {
  if (result.type === 'document') return result.document
  if (result.type === 'object') return JSON.parse(jsonWithManagers(result.object))
  const { kind, items, revision } = result
  return {
    kind: `${kind.kind}List`,
    apiVersion: kind.apiVersion,
    metadata: { resourceVersion: String(revision) },
    items: items.map((item) => JSON.parse(jsonWithManagers(item)) as unknown),
  }
}

const userOf = ({ name, uid, groups, extra }: UserInfo): object => ({
  username: name,
  ...(uid ? { uid } : {}),
  groups,
  ...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
})

const shortened = (text: string): string =>
  text.length > USER_AGENT_MAX ? `${text.slice(0, USER_AGENT_MAX)}...TRUNCATED` : text

const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z')

/** Of an object, and of each item of a list. */
const withoutManagedFields = (object: unknown): unknown => {
  if (typeof object !== 'object' || object === null) return object
  const { metadata, items } = object as { metadata?: Loose; items?: unknown }
  const copy: Loose = { ...object }
  if (metadata && 'managedFields' in metadata) {
    const { managedFields: _, ...rest } = metadata
    copy['metadata'] = rest
  }
  if (Array.isArray(items)) copy['items'] = items.map(withoutManagedFields)
  return copy
}
