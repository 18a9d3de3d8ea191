/**
 * Discovery: which groups, versions and resources are served, plain and aggregated.
 *
 * Everything follows from the kinds that are served and from what other servers said they serve; whoever asks
 * keeps the answers. It knows no handlers; what a subresource does is decided in `pipeline.ts`.
 */
import { createHash } from 'node:crypto'
import { APIService } from '../../api/apiregistration/api-service.ts'
import { groupPriorityOf } from '../../api/apiregistration/local-api-services.ts'
import { type AnyKind, storedKind } from '../../api/kind.ts'
import { type KindRegistry, versionsOf } from '../../api/registry.ts'
import type { RemoteResource, RemoteVersion } from './aggregation/remote-version.ts'
import { type Subresource, subresourcesOf, verbsOf } from './discovered-verbs.ts'

/** What is served: by this server's kinds, and by servers behind it. */
export interface Served {
  kinds: KindRegistry
  remote: readonly RemoteVersion[]
}

/** Kubernetes' `groupPriorityMinimum` of a group that is served here. */
export const groupPriority = (group: string): number =>
  group === APIService.group ? OWN_PRIORITY : groupPriorityOf(group)

/** Of the group that says what others there are. */
const OWN_PRIORITY = 20_000

interface Version {
  version: string
  members: readonly AnyKind[]
  remote?: RemoteVersion
}

interface Group {
  name: string
  priority: number
  versions: Version[]
}

/** Groups by priority, then name; versions in the order of preference. */
const groupsOf = ({ kinds, remote }: Served): Group[] => {
  const members = new Map<string, AnyKind[]>()
  for (const kind of kinds.served)
    members.set(kind.group, [...(members.get(kind.group) ?? []), kind])
  const groups = new Map<string, Group>()
  for (const [name, all] of members) {
    const versions = versionsOf(all).map((version) => ({
      version,
      members: all.filter((kind) => kind.version === version),
    }))
    groups.set(name, { name, priority: groupPriority(name), versions })
  }
  const ordered = [...remote].sort((one, other) => other.versionPriority - one.versionPriority)
  for (const each of ordered) {
    const known = groups.get(each.group)
    if (known?.versions.some(({ version }) => version === each.version)) continue
    const group = known ?? { name: each.group, priority: 0, versions: [] }
    group.priority = Math.max(group.priority, each.groupPriority)
    group.versions.push({ version: each.version, members: [], remote: each })
    groups.set(each.group, group)
  }
  return [...groups.values()].sort(
    (one, other) => other.priority - one.priority || (one.name < other.name ? -1 : 1),
  )
}

/** `/api`. `serverAddress` is `host:port`. */
export const apiVersions = (serverAddress: string): object => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
})

const apiGroupBody = ({ name, versions }: Group) => {
  const listed = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: listed, preferredVersion: listed[0] }
}

/** `/apis`. */
export const apiGroupList = (served: Served): object => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupsOf(served)
    .filter(({ name }) => name)
    .map(apiGroupBody),
})

/** `/apis/<group>`. */
export const apiGroup = (served: Served, name: string): object | undefined => {
  const group = groupsOf(served).find((each) => each.name === name)
  return name && group ? { kind: 'APIGroup', apiVersion: 'v1', ...apiGroupBody(group) } : undefined
}

/** `/api/v1` and `/apis/<group>/<version>` of what is served here. */
export const apiResourceList = (
  kinds: KindRegistry,
  group: string,
  version: string,
): object | undefined => {
  const groupVersion = group ? `${group}/${version}` : version
  const members = kinds.of(groupVersion)
  if (!members?.size) return undefined
  const resources = [...members.values()].flatMap(resourcesOf)
  if (group === '') resources.push(BINDINGS)
  return {
    kind: 'APIResourceList',
    ...(group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion,
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
  storageVersionHash?: string
}

const BINDINGS: Resource = {
  name: 'bindings',
  singularName: 'binding',
  namespaced: true,
  kind: 'Binding',
  verbs: ['create'],
}

const namesOf = ({ shortNames, categories }: AnyKind) => ({
  ...(shortNames?.length ? { shortNames } : {}),
  ...(categories?.length ? { categories } : {}),
})

/** By it clients see that objects are stored in another version than before. */
const storageHash = (kind: AnyKind): { storageVersionHash?: string } => {
  if (kind.isVirtual) return {}
  const { group, version, kind: name } = storedKind(kind)
  const bytes = createHash('sha256')
    .update(`${group}/${version || kind.version}/${name}`)
    .digest()
  return { storageVersionHash: bytes.subarray(0, 8).toString('base64') }
}

const resourcesOf = (kind: AnyKind): Resource[] => [
  {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: verbsOf(kind),
    ...namesOf(kind),
    ...storageHash(kind),
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

/** Aggregated discovery, `apidiscovery.k8s.io`, of `/api` (core) or `/apis` (the rest). */
export const aggregatedDiscovery = (
  served: Served,
  of: 'core' | 'rest',
  version: 'v2' | 'v2beta1',
): object => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: `apidiscovery.k8s.io/${version}`,
  metadata: {},
  items: groupsOf(served)
    .filter(({ name }) => (name === '') === (of === 'core'))
    .map(({ name, versions }) => ({
      metadata: { ...(name ? { name } : {}), creationTimestamp: null },
      versions: versions.map(discoveredVersion),
    })),
})

const discoveredVersion = ({ version, members, remote }: Version): object => ({
  version,
  resources: remote ? (remote.resources ?? []) : discoveredResources(members),
  freshness: remote && !remote.isFresh ? 'Stale' : 'Current',
})

const discoveredResources = (members: readonly AnyKind[]): RemoteResource[] => {
  const resources = members.map(discovered)
  if (members[0]?.apiVersion === 'v1') resources.push(DISCOVERED_BINDINGS)
  return resources.sort((one, other) => (one.resource < other.resource ? -1 : 1))
}

const DISCOVERED_BINDINGS: RemoteResource = {
  resource: 'bindings',
  responseKind: { group: '', version: 'v1', kind: 'Binding' },
  scope: 'Namespaced',
  singularResource: 'binding',
  verbs: ['create'],
}

const discovered = (kind: AnyKind): RemoteResource => {
  const subresources = subresourcesOf(kind).map(discoveredSubresource)
  return {
    resource: kind.plural,
    responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...namesOf(kind),
    ...(subresources.length > 0 ? { subresources } : {}),
  }
}

const discoveredSubresource = ({ name, group, version, kind, verbs }: Subresource) => ({
  subresource: name,
  responseKind: { group, version, kind },
  verbs,
})
