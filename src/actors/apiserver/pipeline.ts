/**
 * The one way from a request to its result, whichever door it came through.
 *
 *   authorize → verb (decode → admission and defaults → validate → commit) → result
 *
 * Invariant: nothing is read or changed that did not pass `authorization/`. It knows no transport; watches,
 * logs and exec are streams and have doors of their own, but are authorized by the same function.
 */
import { Namespace } from '../../api/core/namespace.ts'
import type { AnyKind } from '../../api/kind.ts'
import { methodNotSupported, noSuchPath } from '../../api/status-error.ts'
import { permit } from './authorization/refusal.ts'
import { selectionOf } from './authorization/request-attributes.ts'
import { create } from './create.ts'
import { deleteCollection, deleteOne } from './delete.ts'
import { evict } from './eviction.ts'
import { patch, patchScale } from './patch.ts'
import { get, list } from './read.ts'
import { type ApiRequest, type ApiResult, NO_QUERY, type Verb } from './request.ts'
import { getScale, updateScale } from './scale.ts'
import type { Services } from './services.ts'
import { bind, finalize } from './subresources.ts'
import { update } from './update.ts'

type VerbFunction = (services: Services, request: ApiRequest) => Promise<ApiResult>
type Verbs = Partial<Record<Verb, VerbFunction>>

const MAIN: Verbs = {
  get,
  list,
  create,
  update,
  patch,
  delete: deleteOne,
  deletecollection: deleteCollection,
}
/** As in Kubernetes namespaces are deleted one by one. */
const { deletecollection: _, ...NAMESPACE } = MAIN
const STATUS: Verbs = { get, update, patch }
const SCALE: Verbs = { get: getScale, update: updateScale, patch: patchScale }
const BINDING: Verbs = { create: bind }
const EVICTION: Verbs = { create: evict }
const FINALIZE: Verbs = { update: finalize }
const REVIEW: Verbs = {
  create: async (services, request) =>
    (await import('./reviews/review.ts')).review(services, request),
}
const COMPUTED: Verbs = {
  get: async (services, request) =>
    (await import('./component-status.ts')).getComponentStatus(services, request),
  list: async (services, request) =>
    (await import('./component-status.ts')).listComponentStatuses(services, request),
}
const TOKEN: Verbs = {
  create: async (services, request) =>
    (await import('./reviews/token-request.ts')).requestToken(services, request),
}

/** What the kind serves under `subresource`; undefined when there is no such thing. */
const verbsOf = (kind: AnyKind, subresource: string | undefined): Verbs | undefined => {
  if (subresource === undefined && kind.isComputed) return COMPUTED
  if (subresource === undefined && kind === Namespace) return NAMESPACE
  if (subresource === undefined) return kind.isVirtual ? REVIEW : MAIN
  if (subresource === 'status') return kind.statusSubresource ? STATUS : undefined
  if (subresource === 'scale') return kind.scale ? SCALE : undefined
  if (kind.parts?.[subresource]) return STATUS
  if (kind.group !== '') return undefined
  if (kind.plural === 'pods' && subresource === 'binding') return BINDING
  if (kind.plural === 'pods' && subresource === 'eviction') return EVICTION
  if (kind.plural === 'namespaces' && subresource === 'finalize') return FINALIZE
  if (kind.plural === 'serviceaccounts' && subresource === 'token') return TOKEN
  return undefined
}

/** Throws StatusError. */
export const execute = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const permitted = authorize(services, request)
  if (permitted) await permitted
  const { kind, verb, subresource } = request
  const verbs = verbsOf(kind, subresource)
  if (!verbs) throw noSuchPath()
  const run = verbs[verb]
  if (!run) throw methodNotSupported(kind, verb)
  if (kind.load && verb !== 'get' && verb !== 'list') await kind.load()
  return run(services, request)
}

/** Throws StatusError 403; a promise only where somebody else has to be asked. */
export const authorize = (
  { authorizer }: Services,
  request: ApiRequest,
): undefined | Promise<undefined> => {
  const { user, verb, kind, subresource, name, query, audit } = request
  const { group, version, plural: resource } = kind
  // A namespace is in itself: rights within it include the right to read it.
  const isOfNamespace = kind === Namespace && verb !== 'list' && verb !== 'watch'
  const namespace = isOfNamespace ? name : request.namespace
  const attributes = { user, verb, group, version, resource, subresource, namespace, name }
  const selected = query === NO_QUERY ? undefined : selectionOf(verb, query, name)
  return permit(authorizer, selected ? { ...attributes, ...selected } : attributes, audit)
}
