/**
 * How lists and objects merge, kept by hand: the derived schemas do not say.
 *
 * `patchMergeKey` and `patchStrategy` as Kubernetes' API types tag them, and the list types that server-side
 * apply knows. A list that is not named here is atomic: a patch replaces it. Keys are `Model.field`.
 */
export interface MergeRule {
  /** Items of the list are matched by this field; without it the list is a set of scalars. */
  mergeKey?: string
  /** Strategic merge patch's strategies; `merge` for a list, `retainKeys` for a union. */
  strategies: readonly ('merge' | 'retainKeys' | 'replace')[]
  /** `x-kubernetes-list-type`, with the keys of a map-like list. */
  listType?: 'map' | 'set' | 'atomic'
  listMapKeys?: readonly string[]
}

/** The rule of `Model.field`, if Kubernetes tags it. */
export const mergeRuleOf = (model: string, field: string): MergeRule | undefined =>
  RULES.get(`${model}.${field}`)

/** `Model.field` of everything that has a rule or is atomic. */
export const mergeRuleFields = (): string[] => [...RULES.keys(), ...ATOMIC]

/** Fields whose list or map server-side apply takes as one value, though they look mergeable. */
export const isAtomic = (model: string, field: string): boolean => ATOMIC.has(`${model}.${field}`)

/** Models whose every use server-side apply takes as one value. */
export const isAtomicModel = (model: string): boolean => ATOMIC_MODELS.has(model)

const byKey = (mergeKey: string, listMapKeys: readonly string[] = [mergeKey]): MergeRule => ({
  mergeKey,
  strategies: ['merge'],
  listType: 'map',
  listMapKeys,
})
/** Merged by strategic merge patch, one value to server-side apply. */
const patchedButAtomic = (mergeKey: string): MergeRule => ({
  mergeKey,
  strategies: ['merge'],
  listType: 'atomic',
})
const SET: MergeRule = { strategies: ['merge'], listType: 'set' }
/** Set to server-side apply, replaced by a strategic merge patch. */
const onlySet: MergeRule = { strategies: [], listType: 'set' }
/** Map-like to server-side apply, replaced by a strategic merge patch. */
const onlyMap = (...listMapKeys: string[]): MergeRule => ({
  strategies: [],
  listType: 'map',
  listMapKeys,
})

const ENV = byKey('name')
const PORTS = byKey('containerPort', ['containerPort', 'protocol'])
const CONDITIONS = byKey('type')

const RULES: ReadonlyMap<string, MergeRule> = new Map(
  Object.entries({
    'V1ObjectMeta.finalizers': SET,
    'V1ObjectMeta.ownerReferences': byKey('uid'),
    'V1PodSpec.containers': byKey('name'),
    'V1PodSpec.initContainers': byKey('name'),
    'V1PodSpec.ephemeralContainers': byKey('name'),
    'V1PodSpec.volumes': {
      mergeKey: 'name',
      strategies: ['merge', 'retainKeys'],
      listType: 'map',
      listMapKeys: ['name'],
    },
    'V1PodSpec.imagePullSecrets': byKey('name'),
    'V1PodSpec.hostAliases': byKey('ip'),
    'V1PodSpec.topologySpreadConstraints': byKey('topologyKey', [
      'topologyKey',
      'whenUnsatisfiable',
    ]),
    'V1PodSpec.schedulingGates': byKey('name'),
    'V1PodSpec.resourceClaims': {
      mergeKey: 'name',
      strategies: ['merge', 'retainKeys'],
      listType: 'map',
      listMapKeys: ['name'],
    },
    'V1Container.env': ENV,
    'V1Container.ports': PORTS,
    'V1Container.volumeMounts': byKey('mountPath'),
    'V1Container.volumeDevices': byKey('devicePath'),
    'V1EphemeralContainer.env': ENV,
    'V1EphemeralContainer.ports': PORTS,
    'V1EphemeralContainer.volumeMounts': byKey('mountPath'),
    'V1EphemeralContainer.volumeDevices': byKey('devicePath'),
    'V1ResourceRequirements.claims': onlyMap('name'),
    'V1ContainerStatus.volumeMounts': byKey('mountPath'),
    'V1ContainerStatus.allocatedResourcesStatus': byKey('name'),
    'V1ResourceStatus.resources': onlyMap('resourceID'),
    'V1PodStatus.conditions': CONDITIONS,
    'V1PodStatus.podIPs': byKey('ip'),
    'V1PodStatus.hostIPs': patchedButAtomic('ip'),
    'V1PodStatus.resourceClaimStatuses': {
      mergeKey: 'name',
      strategies: ['merge', 'retainKeys'],
      listType: 'map',
      listMapKeys: ['name'],
    },
    'V1NodeSpec.podCIDRs': SET,
    'V1NodeStatus.addresses': byKey('type'),
    'V1NodeStatus.conditions': CONDITIONS,
    'V1NamespaceStatus.conditions': CONDITIONS,
    'V1ServiceSpec.ports': byKey('port', ['port', 'protocol']),
    'V1ServiceStatus.conditions': CONDITIONS,
    'V1ServiceAccount.secrets': byKey('name'),
    'V1DeploymentStatus.conditions': CONDITIONS,
    'V1ReplicaSetStatus.conditions': CONDITIONS,
    'V1DeploymentSpec.strategy': { strategies: ['retainKeys'] },
    'V1EndpointSlice.ports': { strategies: [], listType: 'atomic' },
    'V1EndpointHints.forZones': { strategies: [], listType: 'atomic' },
    'V1Endpoint.addresses': onlySet,
  } satisfies Record<string, MergeRule>),
)

const ATOMIC: ReadonlySet<string> = new Set([
  'V1EndpointSlice.endpoints',
  'V1Endpoints.subsets',
  'V1LabelSelector.matchExpressions',
  'V1PodSpec.nodeSelector',
  'V1PodSpec.tolerations',
  'V1PodSpec.readinessGates',
  'V1Container.args',
  'V1Container.command',
  'V1Container.envFrom',
  'V1Container.resizePolicy',
  'V1NodeSpec.taints',
  'V1ServiceSpec.clusterIPs',
  'V1ServiceSpec.externalIPs',
  'V1ServiceSpec.ipFamilies',
  'V1ServiceSpec.loadBalancerSourceRanges',
  'V1ServiceSpec.selector',
])

const ATOMIC_MODELS: ReadonlySet<string> = new Set([
  'CoreV1EndpointPort',
  'DiscoveryV1EndpointPort',
  'V1ConfigMapKeySelector',
  'V1EndpointAddress',
  'V1FileKeySelector',
  'V1LabelSelector',
  'V1LocalObjectReference',
  'V1NodeSelector',
  'V1NodeSelectorTerm',
  'V1ObjectFieldSelector',
  'V1ObjectReference',
  'V1OwnerReference',
  'V1ResourceFieldSelector',
  'V1SecretKeySelector',
  'V1TypedLocalObjectReference',
])
