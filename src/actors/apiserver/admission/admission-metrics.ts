/**
 * Figures about webhooks and policies, named as kube-apiserver names them.
 *
 * Invariant: counting allocates nothing once its series exists. Names of webhooks and policies are the configuration's,
 * so there are as many series as that has parts.
 */
const WEBHOOK_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25]
const POLICY_BUCKETS = [0.0000005, 0.001, 0.01, 0.1, 1]
const CONDITION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25]

/** Labels are given as values in the order of `labels`. */
class Counter {
  private readonly series = new Map<string, number>()

  constructor(
    private readonly name: string,
    private readonly labels: readonly string[],
  ) {}

  add(...values: string[]): void {
    const key = seriesKey(this.labels, values)
    this.series.set(key, (this.series.get(key) ?? 0) + 1)
  }

  text(): string[] {
    if (this.series.size === 0) return []
    return [
      `# TYPE ${this.name} counter`,
      ...[...this.series].map(([key, count]) => `${this.name}{${key}} ${count}`),
    ]
  }
}

class Histogram {
  private readonly series = new Map<string, { buckets: number[]; sum: number; count: number }>()

  constructor(
    private readonly name: string,
    private readonly labels: readonly string[],
    private readonly bounds: readonly number[],
  ) {}

  observe(seconds: number, ...values: string[]): void {
    const key = seriesKey(this.labels, values)
    let series = this.series.get(key)
    if (!series) {
      series = { buckets: this.bounds.map(() => 0), sum: 0, count: 0 }
      this.series.set(key, series)
    }
    series.sum += seconds
    series.count++
    for (let at = this.bounds.length - 1; at >= 0 && this.bounds[at]! >= seconds; at--)
      series.buckets[at]!++
  }

  text(): string[] {
    if (this.series.size === 0) return []
    return [
      `# TYPE ${this.name} histogram`,
      ...[...this.series].flatMap(([key, { buckets, sum, count }]) => [
        ...buckets.map(
          (value, at) => `${this.name}_bucket{${key},le="${this.bounds[at]}"} ${value}`,
        ),
        `${this.name}_bucket{${key},le="+Inf"} ${count}`,
        `${this.name}_sum{${key}} ${sum}`,
        `${this.name}_count{${key}} ${count}`,
      ]),
    ]
  }
}

const seriesKey = (labels: readonly string[], values: readonly string[]): string => {
  let key = ''
  for (let at = 0; at < labels.length; at++)
    key += `${at > 0 ? ',' : ''}${labels[at]}="${values[at]}"`
  return key
}

/** `admit`: mutating webhooks. */
export type WebhookStep = 'admit' | 'validating'
export type RejectionError = 'calling_webhook_error' | 'apiserver_internal_error' | 'no_error'

const CODE_MAX = 600
const WEBHOOK = 'apiserver_admission_webhook'
const CONDITION = 'apiserver_admission_match_condition'
const CONDITION_LABELS = ['name', 'kind', 'type', 'operation']
const VALIDATING = 'apiserver_validating_admission_policy_check'
const MUTATING = 'apiserver_mutating_admission_policy_check'
const POLICY_LABELS = ['policy', 'policy_binding', 'error_type']

export class AdmissionMetrics {
  private readonly webhookSeconds = new Histogram(
    `${WEBHOOK}_admission_duration_seconds`,
    ['name', 'type', 'operation', 'rejected'],
    WEBHOOK_BUCKETS,
  )
  private readonly webhookRequests = new Counter(`${WEBHOOK}_request_total`, [
    'name',
    'type',
    'operation',
    'code',
    'rejected',
  ])
  private readonly rejections = new Counter(`${WEBHOOK}_rejection_count`, [
    'name',
    'type',
    'operation',
    'error_type',
    'rejection_code',
  ])
  private readonly failOpen = new Counter(`${WEBHOOK}_fail_open_count`, ['name', 'type'])
  private readonly conditionErrors = new Counter(
    `${CONDITION}_evaluation_errors_total`,
    CONDITION_LABELS,
  )
  private readonly conditionExclusions = new Counter(
    `${CONDITION}_exclusions_total`,
    CONDITION_LABELS,
  )
  private readonly conditionSeconds = new Histogram(
    `${CONDITION}_evaluation_seconds`,
    CONDITION_LABELS,
    CONDITION_BUCKETS,
  )
  private readonly checks = new Counter(`${VALIDATING}_total`, [
    ...POLICY_LABELS,
    'enforcement_action',
  ])
  private readonly checkSeconds = new Histogram(
    `${VALIDATING}_duration_seconds`,
    [...POLICY_LABELS, 'enforcement_action'],
    POLICY_BUCKETS,
  )
  private readonly mutations = new Counter(`${MUTATING}_total`, POLICY_LABELS)
  private readonly mutationSeconds = new Histogram(
    `${MUTATING}_duration_seconds`,
    POLICY_LABELS,
    POLICY_BUCKETS,
  )

  webhook(
    name: string,
    step: WebhookStep,
    operation: string,
    isRejected: boolean,
    code: number,
    seconds: number,
  ): void {
    const shown = String(Math.min(code, CODE_MAX))
    this.webhookRequests.add(name, step, operation, shown, String(isRejected))
    this.webhookSeconds.observe(seconds, name, step, operation, String(isRejected))
  }

  rejection(
    name: string,
    step: WebhookStep,
    operation: string,
    error: RejectionError,
    code: number,
  ): void {
    this.rejections.add(name, step, operation, error, String(Math.min(code, CODE_MAX)))
  }

  failedOpen(name: string, step: WebhookStep): void {
    this.failOpen.add(name, step)
  }

  /** `kind` is `webhook` or `policy`, `step` `validate` or `admit`. */
  conditions(
    name: string,
    kind: 'webhook' | 'policy',
    step: 'validate' | 'admit',
    operation: string,
    outcome: { errors: number; isExcluded: boolean; seconds: number },
  ): void {
    for (let count = 0; count < outcome.errors; count++)
      this.conditionErrors.add(name, kind, step, operation)
    if (outcome.isExcluded && kind === 'webhook')
      this.conditionExclusions.add(name, kind, step, operation)
    this.conditionSeconds.observe(outcome.seconds, name, kind, step, operation)
  }

  check(
    policy: string,
    binding: string,
    error: string,
    action: 'allow' | 'deny' | 'audit' | 'warn',
    seconds: number,
  ): void {
    this.checks.add(policy, binding, error, action)
    this.checkSeconds.observe(seconds, policy, binding, error, action)
  }

  mutation(policy: string, binding: string, error: string, seconds: number): void {
    this.mutations.add(policy, binding, error)
    this.mutationSeconds.observe(seconds, policy, binding, error)
  }

  text(): string[] {
    return [
      this.webhookSeconds,
      this.webhookRequests,
      this.rejections,
      this.failOpen,
      this.conditionErrors,
      this.conditionExclusions,
      this.conditionSeconds,
      this.checks,
      this.checkSeconds,
      this.mutations,
      this.mutationSeconds,
    ].flatMap((each) => each.text())
  }
}

/** What kind of failure a message tells of, as kube-apiserver's labels name it. */
export const errorTypeOf = (message: string | undefined): string => {
  if (message === undefined) return 'no_error'
  if (message.startsWith('compilation')) return 'compile_error'
  return message.startsWith('validation failed due to running out of cost budget')
    ? 'out_of_budget'
    : 'invalid_error'
}
