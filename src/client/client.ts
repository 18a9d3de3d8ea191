/**
 * `Client`: typed verbs of the API for components, over the bus.
 *
 * Invariant: every call goes through the apiserver's pipeline. Failures are StatusErrors.
 * It retries nothing but "no apiserver answers right now", for a bounded time.
 */
import type { AnyKind, Kind } from '../api/kind.ts'
import type { Draft, KubernetesObject } from '../api/meta.ts'
import type { Fence } from './storage.ts'
import type { Cache } from './view.ts'

export interface WriteOptions {
  fence?: Fence
  /** Of the object written, only its type and the name, uid and revision in its metadata come back. */
  answer?: 'metadata'
}

export interface DeleteOptions extends Pick<WriteOptions, 'fence'> {
  gracePeriodSeconds?: number
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan'
  preconditions?: { uid?: string; resourceVersion?: string }
}

export type PatchType = 'json' | 'merge' | 'strategic'

export interface QueryOptions {
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
}

/** The spec of a TokenRequest. */
export interface TokenWish {
  audiences?: readonly string[]
  expirationSeconds: number
  boundObjectRef?: { apiVersion: string; kind: string; name: string; uid: string }
}

/** The status of a TokenRequest. */
export interface IssuedToken {
  token: string
  expirationTimestamp: string
}

export interface Client {
  get<T extends KubernetesObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
  ): Promise<T>
  /** How many replicas the object asks for, by its scale subresource. 404 when it has none. */
  replicas(kind: AnyKind, namespace: string | undefined, name: string): Promise<number>
  list<T extends KubernetesObject>(
    kind: Kind<T>,
    query?: QueryOptions,
  ): Promise<{ items: T[]; resourceVersion: string }>
  create<T extends KubernetesObject>(
    kind: Kind<T>,
    object: Draft<T>,
    options?: WriteOptions,
  ): Promise<T>
  /**
   * The object's resourceVersion, when present, is the precondition. `finalize` is a Namespace's own, `approval` a
   * CertificateSigningRequest's.
   */
  update<T extends KubernetesObject>(
    kind: Kind<T>,
    object: T,
    options?: WriteOptions & { subresource?: 'finalize' | 'approval' },
  ): Promise<T>
  updateStatus<T extends KubernetesObject>(
    kind: Kind<T>,
    object: T,
    options?: WriteOptions,
  ): Promise<T>
  patch<T extends KubernetesObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions & { subresource?: 'status' },
  ): Promise<T>
  /** A merge patch whose result nobody reads: nothing of the object comes back. */
  merge<T extends KubernetesObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    options?: WriteOptions & { subresource?: 'status' },
  ): Promise<void>
  delete<T extends KubernetesObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
    options?: DeleteOptions,
  ): Promise<void>
  /** Binds a pod to a node (the `pods/binding` subresource). 409 when it is bound already. */
  bind(
    pod: { namespace: string; name: string; uid: string },
    node: string,
    options?: Pick<WriteOptions, 'fence'>,
  ): Promise<void>
  /** A token of a service account (`serviceaccounts/token`). */
  createToken(account: { namespace: string; name: string }, wanted: TokenWish): Promise<IssuedToken>
  /**
   * A cache fed by watches over the bus, for components that may not read the stream (workers).
   * It re-watches from its last revision, or lists again after 410.
   */
  follow(queries: readonly (QueryOptions & { kind: AnyKind })[]): FollowedCache
}

export interface FollowedCache extends Cache {
  stop(): void
}
