/**
 * `ApiRequest` and `ApiResult`: what the HTTPS and the bus door hand to the pipeline, and get back.
 *
 * Invariant: a request carries no transport; both doors build the same one. It checks nothing itself.
 */
import type { AnyKind, UserInfo } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { Status } from '../../api/status-error.ts'
import type { Fence } from '../../client/storage.ts'
import type { AuditedRequest } from './audit/auditor.ts'

export type Verb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'deletecollection'

export type User = UserInfo

/** `apply` is server-side apply. */
export type PatchFormat = 'json' | 'merge' | 'strategic' | 'apply'

export interface ApiRequest {
  verb: Verb
  kind: AnyKind
  subresource?: string | undefined
  /** Undefined for a cluster-scoped kind and for all namespaces. */
  namespace: string | undefined
  /** Undefined for collections and for a create. */
  name: string | undefined
  user: User
  query: URLSearchParams
  /** Decoded; undefined when there was none. */
  body?: unknown
  /** The keys that the body's text held twice, in Kubernetes' words: `duplicate field "spec.replicas"`. */
  duplicates?: () => readonly string[]
  /** In place of `duplicates`: unknown fields with the duplicate ones among them, in the text's order. */
  inOrder?: (unknownFields: readonly string[]) => readonly string[]
  /** Duplicates come as Go's YAML reader tells them. */
  isYaml?: boolean
  patch?: PatchFormat
  /** Who manages the fields this request sets, unless its query names a fieldManager. */
  manager?: string | undefined
  /** The subresource it came through, where it is done as a write of the main one: `scale`. */
  writtenThrough?: string
  fence?: Fence | undefined
  /** Where it is written down, if the audit policy wants it. */
  audit?: AuditedRequest | undefined
  /** Texts for `Warning` headers; the pipeline adds to it. */
  warnings?: string[]
  /** Whoever asks is shown warnings, so it is worth while to look for them. */
  showsWarnings?: boolean
}

export interface ListResult {
  type: 'list'
  kind: AnyKind
  items: readonly KubernetesObject[]
  revision: number
  continue?: string
  /** How many follow behind `continue`. */
  remaining?: number
}

export type ApiResult =
  | { type: 'object'; code: number; kind: AnyKind; object: KubernetesObject }
  /** A document that is no stored kind: a Status, a Scale, a Binding. */
  | { type: 'document'; code: number; document: object }
  | ListResult

export const NO_QUERY = new URLSearchParams()

/** Each text is shown once, however often a write is tried. */
export const warn = (request: ApiRequest, text: string): void => {
  request.warnings ??= []
  if (!request.warnings.includes(text)) request.warnings.push(text)
}

/** A note for the audit log, if the request is in it; the first of a key stays. */
export const annotate = (
  { audit }: ApiRequest,
  key: string,
  value: string,
  level: 'Metadata' | 'Request' = 'Metadata',
): void => {
  audit?.annotate(key, value, level)
}

/** What the kind has to say about an object that was found valid. */
export const warnAbout = (
  request: ApiRequest,
  object: KubernetesObject,
  old?: KubernetesObject,
): void => {
  const { kind, showsWarnings } = request
  if (!showsWarnings || !kind.warnings) return
  for (const text of kind.warnings(object, old)) warn(request, text)
}

const isTrue = (value: string | null): boolean =>
  value !== null && value !== '0' && value !== 'false'

/** A query flag as Go's form decoding reads it: present and empty counts as true. */
export const flag = (query: URLSearchParams, name: string): boolean => isTrue(query.get(name))

export const success = (
  code: number,
  details?: { name?: string; group?: string; kind?: string; uid?: string },
): ApiResult => {
  const document: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    ...(details ? { details } : { code }),
  }
  return { type: 'document', code, document }
}
