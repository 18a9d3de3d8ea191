/**
 * URL paths of the API: `/api/v1/namespaces/{ns}/{resource}/{name}/{subresource}` and its relatives.
 *
 * Invariant: parsing is pure and splits the path once. It does not know which subresources exist.
 */
import type { AnyKind } from '../../api/kind.ts'
import { kindByResource, kinds } from '../../api/kinds.ts'

export interface ResourcePath {
  kind: AnyKind
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
}

const versions = new Set(kinds.map(({ apiVersion }) => apiVersion))

const decoded = (part: string | undefined): string | undefined => {
  if (!part?.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

/** Undefined when the path names nothing that is served. `path` has no query. */
export const parsePath = (path: string): ResourcePath | undefined => {
  const parts = path.split('/')
  if (parts[parts.length - 1] === '') parts.pop()
  let at: number
  let group: string
  if (parts[1] === 'api') {
    if (parts[2] !== 'v1') return undefined
    group = ''
    at = 3
  } else if (parts[1] === 'apis') {
    group = parts[2] ?? ''
    if (!group || !versions.has(`${group}/${parts[3]}`)) return undefined
    at = 4
  } else return undefined
  return resourceAt(parts, at, group)
}

const resourceAt = (
  parts: readonly string[],
  from: number,
  group: string,
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
  const kind = kindByResource(group, resource)
  if (!kind)
    return resource === 'bindings' && group === '' ? bindings(parts, at, namespace) : undefined
  if (!kind.namespaced && namespace !== undefined) return undefined
  const name = decoded(parts[at + 1])
  if (parts.length > at + 1 && !name) return undefined
  if (kind.namespaced && namespace === undefined && name !== undefined) return undefined
  if (parts.length > at + 3) return undefined
  return { kind, namespace, name, subresource: parts[at + 2] }
}

const OF_NAMESPACES = new Set(['status', 'finalize'])

/** `bindings` is no kind: it creates what `pods/binding` does, with the name in the body. */
const bindings = (
  parts: readonly string[],
  at: number,
  namespace: string | undefined,
): ResourcePath | undefined =>
  namespace === undefined || parts.length !== at + 1
    ? undefined
    : { kind: kindByResource('', 'pods')!, namespace, name: undefined, subresource: 'binding' }
