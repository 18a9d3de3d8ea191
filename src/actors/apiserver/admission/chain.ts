/**
 * The admission chain: every write passes the plug-ins that handle its kind, on its way to the store.
 *
 * After Kubernetes' `admission.chainAdmissionHandler` with its re-invocation. Invariants: which plug-ins handle a
 * kind, operation and subresource is asked once; a write that none handles makes no object here; nothing waits for
 * a plug-in that answers at once; what a plug-in took for a write is settled once, however that ends.
 */
import type { AnyKind } from '../../../api/kind.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { forbidden, type StatusError } from '../../../api/status-error.ts'
import { isDryRun } from '../commit.ts'
import type { ApiRequest, User } from '../request.ts'
import type { Services } from '../services.ts'
import { optionsOf } from './operation-options.ts'
import type { AdmissionAttributes, AdmissionPlugin, Operation, Settle } from './plugin.ts'

/** The plug-ins of one kind, operation and subresource, in their order. */
interface Steps {
  mutating: readonly AdmissionPlugin[]
  validating: readonly AdmissionPlugin[]
}

export class AdmissionChain {
  private readonly plugins: readonly AdmissionPlugin[]
  private readonly known = new WeakMap<AnyKind, Map<string, Steps | undefined>>()

  /** `plugins` in the order in which they run. */
  constructor(plugins: readonly AdmissionPlugin[]) {
    this.plugins = plugins
  }

  /** Undefined when no plug-in handles it. */
  stepsOf(kind: AnyKind, operation: Operation, subresource: string | undefined): Steps | undefined {
    let steps = this.known.get(kind)
    if (!steps) {
      steps = new Map()
      this.known.set(kind, steps)
    }
    const key = subresource === undefined ? operation : `${operation}/${subresource}`
    const found = steps.get(key)
    if (found !== undefined || steps.has(key)) return found
    const handling = this.plugins.filter((each) => each.handles(kind, operation, subresource))
    const made =
      handling.length === 0
        ? undefined
        : {
            mutating: handling.filter(({ mutate }) => mutate),
            validating: handling.filter(({ validate }) => validate),
          }
    steps.set(key, made)
    return made
  }
}

/** What differs from what the request says of itself. */
export interface Particulars {
  subresource?: string
  /** Empty in the deletion of a collection, as in Kubernetes. */
  name?: string
  options?: object
}

/** The way of one write through the chain; undefined when no plug-in handles it. */
export const admissionOf = (
  services: Services,
  request: ApiRequest,
  operation: Operation,
  particulars?: Particulars,
): Admission | undefined => {
  const subresource = particulars?.subresource ?? request.subresource
  const steps = services.admission.stepsOf(request.kind, operation, subresource)
  return steps && new Admission(services, request, operation, steps, subresource, particulars)
}

/** Writes when the plug-ins agree with `object`, which is complete and valid. Throws StatusError. */
export const admitted = <Result>(
  admission: Admission | undefined,
  object: KubernetesObject | undefined,
  old: KubernetesObject | undefined,
  write: () => Promise<Result>,
): Promise<Result> => (admission?.isJudged ? admission.judge(object, old, write) : write())

/** As Kubernetes' `admission.NewForbidden`: a new object without a name goes by what its name begins with. */
export const refusedBy = (attributes: AdmissionAttributes, message: string): StatusError => {
  const { kind, name, object } = attributes
  const { metadata } = object ?? {}
  return forbidden(kind, name || metadata?.name || metadata?.generateName || 'Unknown', message)
}

export class Admission implements AdmissionAttributes {
  readonly services: Services
  readonly request: ApiRequest
  readonly operation: Operation
  readonly kind: AnyKind
  readonly subresource: string | undefined
  readonly namespace: string | undefined
  readonly user: User
  name: string
  object: KubernetesObject | undefined
  old: KubernetesObject | undefined
  isReinvocation = false
  shouldReinvoke = false
  /** What plug-ins are shown in place of the object that is stored: its Scale. It has been mutated then. */
  form: ((stored: KubernetesObject) => KubernetesObject) | undefined
  private readonly steps: Steps
  private readonly particulars: Particulars | undefined

  constructor(
    services: Services,
    request: ApiRequest,
    operation: Operation,
    steps: Steps,
    subresource: string | undefined,
    particulars: Particulars | undefined,
  ) {
    this.services = services
    this.request = request
    this.operation = operation
    this.kind = request.kind
    this.subresource = subresource
    this.namespace = request.namespace
    this.user = request.user
    this.name = particulars?.name ?? request.name ?? ''
    this.steps = steps
    this.particulars = particulars
  }

  get options(): object | undefined {
    return this.particulars?.options ?? optionsOf(this.request, this.operation)
  }

  get dryRun(): boolean {
    return isDryRun(this.request)
  }

  get isJudged(): boolean {
    return this.steps.validating.length > 0
  }

  /** Every plug-in completes `object` in place. Throws StatusError; undefined when none of them had to wait. */
  mutate(
    object: KubernetesObject | undefined,
    old: KubernetesObject | undefined,
  ): Promise<void> | undefined {
    this.object = object
    this.old = old
    this.isReinvocation = false
    this.shouldReinvoke = false
    // The options of a connection have no metadata.
    if (this.operation === 'CREATE' && !this.name && object?.metadata.name)
      this.name = object.metadata.name
    return this.mutateFrom(0)
  }

  private mutateFrom(first: number): Promise<void> | undefined {
    const { mutating } = this.steps
    for (let at = first; at < mutating.length; at++) {
      const waiting = mutating[at]!.mutate!(this)
      if (waiting) return waiting.then(() => this.mutateFrom(at + 1))
    }
    if (!this.shouldReinvoke || this.isReinvocation) return undefined
    this.isReinvocation = true
    return this.mutateFrom(0)
  }

  /** See `admitted`. */
  async judge<Result>(
    object: KubernetesObject | undefined,
    old: KubernetesObject | undefined,
    write: () => Promise<Result>,
  ): Promise<Result> {
    this.object = object && this.form ? this.form(object) : object
    this.old = old && this.form ? this.form(old) : old
    if (!this.name && this.operation === 'CREATE') this.name = object?.metadata.name ?? ''
    const settlements: Settle[] = []
    let isCommitted = false
    try {
      for (const plugin of this.steps.validating) {
        const answer = plugin.validate!(this)
        const settle = answer instanceof Promise ? await answer : answer
        if (settle) settlements.push(settle)
      }
      const result = await write()
      isCommitted = !this.dryRun
      return result
    } finally {
      for (const settle of settlements) settle(isCommitted)
    }
  }
}
