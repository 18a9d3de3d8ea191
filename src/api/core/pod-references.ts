/**
 * What a pod refers to by name in its own namespace, and therefore its node has to read. Pure.
 *
 * The places are those of Kubernetes 1.36's node authorizer (`AddPod` in `plugin/pkg/auth/authorizer/node/graph.go`).
 * Each may come several times.
 */
import type { Pod } from './pod.ts'
import { podSecrets } from './pod-secrets.ts'
import type { Container, PodSpec } from './pod-spec-defaults.ts'

export type ReferencedResource =
  | 'secrets'
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'resourceclaims'
  | 'serviceaccounts'

export const podReferences = (pod: Pod): [resource: ReferencedResource, name: string][] => {
  const { spec } = pod
  if (!spec) return []
  const found: [ReferencedResource, string][] = []
  const { serviceAccountName } = spec
  if (serviceAccountName) found.push(['serviceaccounts', serviceAccountName])
  for (const name of podSecrets(spec)) found.push(['secrets', name])
  for (const name of podConfigMaps(spec)) found.push(['configmaps', name])
  for (const { persistentVolumeClaim, ephemeral, name } of spec.volumes ?? []) {
    const claim = persistentVolumeClaim?.claimName ?? (ephemeral && `${pod.metadata.name}-${name}`)
    if (claim) found.push(['persistentvolumeclaims', claim])
  }
  for (const name of deviceClaims(pod)) found.push(['resourceclaims', name])
  return found
}

export const podConfigMaps = (spec: PodSpec): Set<string> => {
  const names = new Set<string>()
  const add = (name: string | undefined) => {
    if (name) names.add(name)
  }
  for (const containers of [spec.initContainers, spec.containers, spec.ephemeralContainers])
    for (const container of containers ?? []) environmentConfigMaps(container).forEach(add)
  for (const { configMap, projected } of spec.volumes ?? []) {
    add(configMap?.name)
    for (const source of projected?.sources ?? []) add(source.configMap?.name)
  }
  return names
}

const environmentConfigMaps = ({ env = [], envFrom = [] }: Pick<Container, 'env' | 'envFrom'>) => [
  ...envFrom.map(({ configMapRef }) => configMapRef?.name),
  ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
]

/** Claims that are named, made for the pod, or made for its extended resources. */
const deviceClaims = ({ spec, status }: Pod): string[] => {
  const names: string[] = []
  for (const { name, resourceClaimName } of spec?.resourceClaims ?? []) {
    const made = status?.resourceClaimStatuses?.find((each) => each.name === name)
    const claim = resourceClaimName ?? made?.resourceClaimName
    if (claim) names.push(claim)
  }
  const extended = status?.extendedResourceClaimStatus?.resourceClaimName
  return extended ? [...names, extended] : names
}

/** What of the API the pod refers to, in the words of a refusal; undefined: nothing. */
export const apiReference = (pod: Pod): string | undefined => {
  const { spec } = pod
  if (!spec) return undefined
  if (spec.serviceAccountName) return 'serviceaccounts'
  if (podSecrets(spec).size > 0) return 'secrets'
  if (podConfigMaps(spec).size > 0) return 'configmaps'
  if (spec.resourceClaims?.length) return 'resourceclaims'
  for (const volume of spec.volumes ?? []) {
    for (const [field, what] of VOLUMES) if (volume[field]) return what
    for (const source of volume.projected?.sources ?? [])
      for (const [field, what] of SOURCES) if (source[field]) return what
  }
  return undefined
}

const VOLUMES = [
  ['configMap', 'configmaps (via configmap volumes)'],
  ['secret', 'secrets (via secret volumes)'],
  ['csi', 'csidrivers (via CSI volumes)'],
  ['glusterfs', 'endpoints (via glusterFS volumes)'],
  ['persistentVolumeClaim', 'persistentvolumeclaims'],
  ['ephemeral', 'persistentvolumeclaims (via ephemeral volumes)'],
  ['azureFile', 'secrets (via azureFile volumes)'],
] as const

const SOURCES = [
  ['configMap', 'configmaps (via projected volumes)'],
  ['secret', 'secrets (via projected volumes)'],
  ['serviceAccountToken', 'serviceaccounts (via projected volumes)'],
  ['clusterTrustBundle', 'clustertrustbundles'],
  ['podCertificate', 'podcertificates'],
] as const
