/**
 * Discovery: which groups, versions and resources are served, plain and aggregated.
 *
 * Everything follows from the kinds that are served; whoever asks keeps the answers. It knows no handlers; what a
 * subresource does is decided in `pipeline.ts`.
 */
import type { AnyKind } from '../../api/kind.ts'
import { type KindRegistry, versionsOf } from '../../api/registry.ts'

interface Subresource {
  name: string
  group: string
  version: string
  kind: string
  verbs: readonly string[]
}

const ALL_VERBS = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

const OF_PODS: readonly Subresource[] = [
  { name: 'attach', group: '', version: 'v1', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
  { name: 'binding', group: '', version: 'v1', kind: 'Binding', verbs: ['create'] },
  { name: 'eviction', group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
  { name: 'exec', group: '', version: 'v1', kind: 'PodExecOptions', verbs: ['create', 'get'] },
  { name: 'log', group: '', version: 'v1', kind: 'Pod', verbs: ['get'] },
]

const verbsOf = (kind: AnyKind): readonly string[] => (kind.isVirtual ? ['create'] : ALL_VERBS)

const TOKEN: Subresource = {
  name: 'token',
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  verbs: ['create'],
}

const subresourcesOf = (kind: AnyKind): Subresource[] => {
  const { group, version } = kind
  const found: Subresource[] = []
  if (group === '' && kind.plural === 'pods') found.push(...OF_PODS)
  if (group === '' && kind.plural === 'namespaces')
    found.push({ name: 'finalize', group, version, kind: kind.kind, verbs: ['update'] })
  if (group === '' && kind.plural === 'serviceaccounts') found.push(TOKEN)
  const changing = ['get', 'patch', 'update']
  for (const name of Object.keys(kind.parts ?? {}))
    found.push({ name, group, version, kind: kind.kind, verbs: changing })
  if (kind.scale)
    found.push({
      name: 'scale',
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
      verbs: changing,
    })
  if (kind.statusSubresource)
    found.push({ name: 'status', group, version, kind: kind.kind, verbs: changing })
  return found
}

const groupsOf = ({ served }: KindRegistry): Map<string, AnyKind[]> => {
  const groups = new Map<string, AnyKind[]>()
  for (const kind of served) {
    const members = groups.get(kind.group)
    if (members) members.push(kind)
    else groups.set(kind.group, [kind])
  }
  return groups
}

/** `/api`. `serverAddress` is `host:port`. */
export const apiVersions = (serverAddress: string): object => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
})

const apiGroupBody = (name: string, members: readonly AnyKind[]) => {
  const versions = versionsOf(members).map((version) => ({
    groupVersion: `${name}/${version}`,
    version,
  }))
  return { name, versions, preferredVersion: versions[0] }
}

/** `/apis`. */
export const apiGroupList = (kinds: KindRegistry): object => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: [...groupsOf(kinds)]
    .filter(([name]) => name)
    .map(([name, members]) => apiGroupBody(name, members)),
})

/** `/apis/<group>`. */
export const apiGroup = (kinds: KindRegistry, name: string): object | undefined => {
  const members = groupsOf(kinds).get(name)
  return name && members
    ? { kind: 'APIGroup', apiVersion: 'v1', ...apiGroupBody(name, members) }
    : undefined
}

/** `/api/v1` and `/apis/<group>/<version>`. */
export const apiResourceList = (
  kinds: KindRegistry,
  group: string,
  version: string,
): object | undefined => {
  const members = groupsOf(kinds)
    .get(group)
    ?.filter((kind) => kind.version === version)
  if (!members?.length) return undefined
  const resources = members.flatMap(resourcesOf)
  if (group === '') resources.push(BINDINGS)
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: members[0]!.apiVersion,
    resources: resources.sort((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

interface Resource {
  name: string
  singularName: string
  namespaced: boolean
  kind: string
  verbs: readonly string[]
  group?: string
  version?: string
  shortNames?: readonly string[]
  categories?: readonly string[]
}

const BINDINGS: Resource = {
  name: 'bindings',
  singularName: 'binding',
  namespaced: true,
  kind: 'Binding',
  verbs: ['create'],
}

const resourcesOf = (kind: AnyKind): Resource[] => [
  {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: verbsOf(kind),
    ...(kind.shortNames ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories ? { categories: kind.categories } : {}),
  },
  ...subresourcesOf(kind).map((each) => ({
    name: `${kind.plural}/${each.name}`,
    singularName: '',
    namespaced: kind.namespaced,
    ...(each.group === kind.group && each.version === kind.version
      ? {}
      : { group: each.group, version: each.version }),
    kind: each.kind,
    verbs: each.verbs,
  })),
]

/** Aggregated discovery, `apidiscovery.k8s.io/v2`, of `/api` (core) or `/apis` (the rest). */
export const aggregatedDiscovery = (kinds: KindRegistry, of: 'core' | 'rest'): object => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: [...groupsOf(kinds)]
    .filter(([name]) => (name === '') === (of === 'core'))
    .map(([name, members]) => ({
      metadata: { ...(name ? { name } : {}), creationTimestamp: null },
      versions: versionsOf(members).map((version) => ({
        version,
        resources: members.filter((kind) => kind.version === version).map(discovered),
        freshness: 'Current',
      })),
    })),
})

const discovered = (kind: AnyKind): object => ({
  resource: kind.plural,
  responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
  scope: kind.namespaced ? 'Namespaced' : 'Cluster',
  singularResource: kind.singular,
  verbs: verbsOf(kind),
  ...(kind.shortNames ? { shortNames: kind.shortNames } : {}),
  ...(kind.categories ? { categories: kind.categories } : {}),
  subresources: subresourcesOf(kind).map((each) => ({
    subresource: each.name,
    responseKind: { group: each.group, version: each.version, kind: each.kind },
    verbs: each.verbs,
  })),
})
