/**
 * URLs of the API: `/api/v1/namespaces/{ns}/{resource}/{name}/{subresource}` and its relatives.
 *
 * Invariant: parsing is pure and splits the path once. It does not know which subresources exist.
 */
import type { AnyKind } from '../../api/kind.ts'
import type { KindRegistry } from '../../api/registry.ts'
import { NO_QUERY } from './request.ts'

export interface ResourcePath {
  kind: AnyKind
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
  /** What follows `proxy`, as it was sent but for a slash at its end: '' or a path. */
  rest?: string
  /** The old way to ask for a watch: `/api/v1/watch/…`. */
  watch?: boolean
}

/** The path, and the query behind `?`. */
export const splitUrl = (url: string): [path: string, query: URLSearchParams] => {
  const at = url.indexOf('?')
  return at < 0 ? [url, NO_QUERY] : [url.slice(0, at), new URLSearchParams(url.slice(at + 1))]
}

const decoded = (part: string | undefined): string | undefined => {
  if (!part?.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

/** Undefined when the path names nothing that is served. `path` has no query. */
export const parsePath = (path: string, registry: KindRegistry): ResourcePath | undefined => {
  const parts = path.split('/')
  if (parts[parts.length - 1] === '') parts.pop()
  const [, root, second = ''] = parts
  if (root === 'api') return second === 'v1' ? pathAt(parts, 3, '', registry.of('v1')) : undefined
  if (root !== 'apis' || !second) return undefined
  const members = registry.of(`${second}/${parts[3]}`)
  return members && pathAt(parts, 4, second, members)
}

const pathAt = (
  parts: readonly string[],
  at: number,
  group: string,
  members: Members,
): ResourcePath | undefined => {
  if (parts[at] !== 'watch' || parts.length === at + 1) return resourceAt(parts, at, group, members)
  const target = resourceAt(parts, at + 1, group, members)
  return target && target.subresource === undefined ? { ...target, watch: true } : undefined
}

type Members = ReturnType<KindRegistry['of']>

const resourceAt = (
  parts: readonly string[],
  from: number,
  group: string,
  members: Members,
): ResourcePath | undefined => {
  let at = from
  let namespace: string | undefined
  const isNamespaced = parts[at] === 'namespaces' && parts.length > at + 2
  /** `namespaces/x/status` is the namespace's own; everything else behind a namespace is inside it. */
  const isOwn = parts.length === at + 3 && group === '' && OF_NAMESPACES.has(parts[at + 2]!)
  if (isNamespaced && !isOwn) {
    namespace = decoded(parts[at + 1])
    if (!namespace) return undefined
    at += 2
  }
  const resource = parts[at]
  if (!resource) return undefined
  const kind = members?.get(resource)
  if (!kind)
    return resource === 'bindings' && group === ''
      ? bindings(parts, at, namespace, members?.get('pods'))
      : undefined
  if (!kind.namespaced && namespace !== undefined) return undefined
  const name = decoded(parts[at + 1])
  if (parts.length > at + 1 && !name) return undefined
  if (kind.namespaced && namespace === undefined && name !== undefined) return undefined
  const subresource = parts[at + 2]
  if (subresource === 'proxy')
    return { kind, namespace, name, subresource, rest: restOf(parts, at) }
  if (parts.length > at + 3) return undefined
  return { kind, namespace, name, subresource }
}

const restOf = (parts: readonly string[], at: number): string =>
  parts.length > at + 3 ? `/${parts.slice(at + 3).join('/')}` : ''

const OF_NAMESPACES = new Set(['status', 'finalize'])

/** `bindings` is no kind: it creates what `pods/binding` does, with the name in the body. */
const bindings = (
  parts: readonly string[],
  at: number,
  namespace: string | undefined,
  pods: AnyKind | undefined,
): ResourcePath | undefined =>
  namespace === undefined || parts.length !== at + 1 || !pods
    ? undefined
    : { kind: pods, namespace, name: undefined, subresource: 'binding' }
