/**
 * Warnings about a pod's volumes: sources that are gone, and files that would overwrite each other.
 *
 * Wording follows Kubernetes 1.36 (`pkg/api/pod/warnings.go`).
 */
import type { V1VolumeProjection } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import type { PersistentVolume } from './persistent-volume.ts'
import type { Volume } from './pod-spec-defaults.ts'
import { annotationWarnings, fractionWarnings, termWarnings } from './warning-rules.ts'

type Projection = Wire<V1VolumeProjection>

const DEPRECATED_SOURCES: readonly (readonly [keyof Volume, string, string?])[] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+', 'storageOS'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
]

const VOLUME_ANNOTATIONS = [
  [
    'volume.beta.kubernetes.io/storage-class',
    'deprecated since v1.8; use "storageClassName" attribute instead',
  ],
  [
    'volume.beta.kubernetes.io/mount-options',
    'deprecated since v1.31; use "mountOptions" attribute instead',
  ],
] as const

const VOLUME_SOURCES = [
  'cephfs',
  'photonPersistentDisk',
  'scaleIO',
  'storageos',
  'glusterfs',
  'rbd',
]

export const persistentVolumeWarnings = ({ metadata, spec = {} }: PersistentVolume): string[] => {
  const warnings = annotationWarnings(metadata, VOLUME_ANNOTATIONS)
  if (spec.persistentVolumeReclaimPolicy === 'Recycle') {
    const why = 'Instead, the recommended approach is to use dynamic provisioning.'
    const what = 'The Recycle reclaim policy is deprecated.'
    warnings.push(`spec.persistentVolumeReclaimPolicy: ${what} ${why}`)
  }
  for (const [index, term] of (spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).entries()) {
    const path = `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`
    warnings.push(...termWarnings(path, term))
  }
  for (const name of VOLUME_SOURCES) {
    const [source, why, shown = source] = DEPRECATED_SOURCES.find(([source]) => source === name)!
    if (name in spec) warnings.push(`spec.${shown}: ${why}`)
  }
  return warnings
}

export const volumeWarnings = (path: string, volumes: readonly Volume[]): string[] => [
  ...volumes.flatMap((volume, index) => sourceWarnings(`${path}[${index}]`, volume)),
  ...volumes.flatMap(overlapWarnings),
]

const sourceWarnings = (path: string, volume: Volume): string[] => {
  const warnings: string[] = []
  for (const [source, why, shown = source] of DEPRECATED_SOURCES) {
    if (volume[source] != null) warnings.push(`${path}.${shown}: ${why}`)
  }
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec
  const at = `${path}.ephemeral.volumeClaimTemplate.spec`
  if (claim) warnings.push(...claimWarnings(at, claim))
  return warnings
}

/** Also for claims by themselves and claims that are templates. */
export const claimWarnings = (
  path: string,
  {
    resources,
  }: { resources?: { requests?: { [name: string]: string }; limits?: { [name: string]: string } } },
): string[] => [
  ...fractionWarnings(`${path}.resources.requests`, resources?.requests, ['storage']),
  ...fractionWarnings(`${path}.resources.limits`, resources?.limits, ['storage']),
]

/** A file in a volume and what puts it there. */
interface Placed {
  path: string
  source: string
}

const overlapWarnings = (volume: Volume): string[] => {
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap?.items) {
    const what = `ConfigMap ${JSON.stringify(configMap.name ?? '')}`
    return overlapsOf(volume.name, what, [placed(configMap.items)])
  }
  if (secret?.items) {
    const what = `Secret ${JSON.stringify(secret.secretName ?? '')}`
    return overlapsOf(volume.name, what, [placed(secret.items)])
  }
  if (downwardAPI?.items) {
    return overlapsOf(volume.name, 'DownwardAPI', [placed(downwardAPI.items)])
  }
  if (!projected) return []
  const sources = projected.sources ?? []
  const missing = sources
    .filter((source) => Object.keys(source).length === 0)
    .map(() => `volume ${JSON.stringify(volume.name)} (Projected) has no sources provided`)
  return [...missing, ...overlapsOf(volume.name, 'Projected', sources.map(projectedPaths))]
}

const placed = (items: readonly { path: string }[], source = ''): Placed[] =>
  items.map(({ path }) => ({ path, source }))

const projectedPaths = (source: Projection): Placed[] => {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = source
  const named = (kind: string, name = '') => `${kind} ${JSON.stringify(name)}`
  if (configMap?.items) return placed(configMap.items, named('ConfigMap', configMap.name))
  if (secret?.items) return placed(secret.items, named('Secret', secret.name))
  if (downwardAPI?.items) return placed(downwardAPI.items, 'DownwardAPI')
  if (serviceAccountToken) return placed([serviceAccountToken], 'ServiceAccountToken')
  if (clusterTrustBundle) {
    const { name, signerName } = clusterTrustBundle
    return placed([clusterTrustBundle], named('ClusterTrustBundle', name ?? signerName))
  }
  const { certificateChainPath, keyPath, credentialBundlePath } = source.podCertificate ?? {}
  return [
    { path: certificateChainPath ?? '', source: 'PodCertificate chain' },
    { path: keyPath ?? '', source: 'PodCertificate key' },
    { path: credentialBundlePath ?? '', source: 'PodCertificate credential bundle' },
  ].filter(({ path }) => path !== '')
}

const overlapsOf = (
  volume: string,
  what: string,
  groups: readonly (readonly Placed[])[],
): string[] => {
  const before: Placed[] = []
  const warnings: string[] = []
  for (const item of groups.flat()) {
    const next = { ...item, path: item.path.replace(/\/+$/, '') }
    for (const other of before) {
      if (!overlap(other.path, next.path)) continue
      const body = `${shown(next)} with ${shown(other)}`
      warnings.push(`volume ${JSON.stringify(volume)} (${what}): overlapping paths: ${body}`)
    }
    before.push(next)
  }
  return warnings
}

const overlap = (one: string, other: string): boolean =>
  one !== '' &&
  other !== '' &&
  (`${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`))

const shown = ({ path, source }: Placed): string =>
  source === '' ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`
