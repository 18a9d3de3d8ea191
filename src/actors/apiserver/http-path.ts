/**
 * URL paths of the API: `/api/v1/namespaces/{ns}/{resource}/{name}/{subresource}` and its relatives.
 *
 * Invariant: parsing is pure and splits the path once. It does not know which subresources exist.
 */
import type { AnyKind } from '../../api/kind.ts'
import type { KindRegistry } from '../../api/registry.ts'

export interface ResourcePath {
  kind: AnyKind
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
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
  if (root === 'api')
    return second === 'v1' ? resourceAt(parts, 3, '', registry.of('v1')) : undefined
  if (root !== 'apis' || !second) return undefined
  const members = registry.of(`${second}/${parts[3]}`)
  return members && resourceAt(parts, 4, second, members)
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
  if (parts.length > at + 3) return undefined
  return { kind, namespace, name, subresource: parts[at + 2] }
}

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
