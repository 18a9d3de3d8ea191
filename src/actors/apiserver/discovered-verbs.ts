/**
 * What discovery says one may do with a kind: its verbs and its subresources, in Kubernetes' order.
 *
 * Subresources that a kind declares (`status`, `scale`, its parts) follow from it; those that lead elsewhere
 * (streams, bindings, tokens) are kept here.
 */
import { Namespace } from '../../api/core/namespace.ts'
import type { AnyKind } from '../../api/kind.ts'

export interface Subresource {
  name: string
  /** What it answers with. */
  group: string
  version: string
  kind: string
  verbs: readonly string[]
}

const ALL = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const CHANGING = ['get', 'patch', 'update']
const PROXYING = ['create', 'delete', 'get', 'patch', 'update']
const CREATING = ['create']
const STREAMING = ['create', 'get']

const READING = ['get', 'list']
const ONE_BY_ONE = ALL.filter((verb) => verb !== 'deletecollection')

export const verbsOf = (kind: AnyKind): readonly string[] => {
  if (kind.isComputed) return READING
  if (kind === Namespace) return ONE_BY_ONE
  return kind.isVirtual ? CREATING : ALL
}

const core = (name: string, kind: string, verbs: readonly string[]): Subresource => ({
  name,
  group: '',
  version: 'v1',
  kind,
  verbs,
})

/** Of kinds of the core group, by plural. */
const OF_CORE: Readonly<Record<string, readonly Subresource[]>> = {
  namespaces: [core('finalize', 'Namespace', ['update'])],
  nodes: [core('proxy', 'NodeProxyOptions', PROXYING)],
  pods: [
    core('attach', 'PodAttachOptions', STREAMING),
    core('binding', 'Binding', CREATING),
    { name: 'eviction', group: 'policy', version: 'v1', kind: 'Eviction', verbs: CREATING },
    core('exec', 'PodExecOptions', STREAMING),
    core('log', 'Pod', ['get']),
    core('portforward', 'PodPortForwardOptions', STREAMING),
    core('proxy', 'PodProxyOptions', PROXYING),
  ],
  serviceaccounts: [
    {
      name: 'token',
      group: 'authentication.k8s.io',
      version: 'v1',
      kind: 'TokenRequest',
      verbs: CREATING,
    },
  ],
  services: [core('proxy', 'ServiceProxyOptions', PROXYING)],
}

/** Sorted by name. */
export const subresourcesOf = (kind: AnyKind): Subresource[] => {
  const { group, version } = kind
  const found = new Map<string, Subresource>()
  const add = (each: Subresource) => found.set(each.name, each)
  const own = (name: string) => add({ name, group, version, kind: kind.kind, verbs: CHANGING })
  if (group === '') for (const each of OF_CORE[kind.plural] ?? []) add(each)
  for (const name of Object.keys(kind.parts ?? {})) if (!found.has(name)) own(name)
  if (kind.scale)
    add({ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: CHANGING })
  if (kind.statusSubresource) own('status')
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
}
