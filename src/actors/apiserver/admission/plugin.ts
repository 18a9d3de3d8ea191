/**
 * What an admission plug-in is: policy that is applied to a write between authorization and the store.
 *
 * After Kubernetes' `admission.MutationInterface` and `ValidationInterface`. Order of a write: decode, defaults,
 * every plug-in's `mutate`, the kind's own preparation and validation, every plug-in's `validate`, commit.
 * Invariant: a plug-in that does not handle a kind and operation costs it nothing; the chain asks once a kind.
 */
import type { AnyKind } from '../../../api/kind.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import type { ApiRequest, User } from '../request.ts'
import type { Services } from '../services.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

/** One write on its way. */
export interface AdmissionAttributes {
  services: Services
  request: ApiRequest
  user: User
  operation: Operation
  kind: AnyKind
  subresource: string | undefined
  namespace: string | undefined
  /** Empty while a name is still to be generated. */
  name: string
  /**
   * What is to be stored; of a DELETE there is none. `mutate` changes it in place, `validate` must not.
   * Of subresources that are documents of their own (binding, eviction, scale, token) it is that document.
   */
  object: KubernetesObject | undefined
  /** What is stored now, shared: never mutate it. Undefined on CREATE and CONNECT. */
  old: KubernetesObject | undefined
  /** CreateOptions, UpdateOptions, DeleteOptions, PodExecOptions …, as webhooks are shown them. */
  options: object | undefined
  dryRun: boolean
  /** The mutating plug-ins run for the second and last time. */
  readonly isReinvocation: boolean
  /** Set by a plug-in whose change others may have to answer to: the mutating ones run once more. */
  shouldReinvoke: boolean
}

export interface AdmissionPlugin {
  /** As Kubernetes calls it: `LimitRanger`. */
  name: string
  /** Asked once for each kind, operation and subresource; the answer may not depend on anything else. */
  handles(kind: AnyKind, operation: Operation, subresource: string | undefined): boolean
  /**
   * Completes `object` in place. One that answers at once keeps to what the request may change, as spec in an update
   * of the object itself; what others go beyond is put back. Throws StatusError; nothing has been written then.
   */
  mutate?(attributes: AdmissionAttributes): void | Promise<void>
  /**
   * Judges what is about to be stored. Throws StatusError. What it took for the write (quota) is given back by
   * the function it answers with, which runs with whether the write was committed.
   */
  validate?(attributes: AdmissionAttributes): Settle | undefined | Promise<Settle | undefined>
}

/** Told how the write ended. */
export type Settle = (committed: boolean) => void
