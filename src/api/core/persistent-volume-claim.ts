/**
 * PersistentVolumeClaim: a namespace's wish for storage; a controller binds it to a PersistentVolume.
 *
 * Users write the spec, controllers the status. `dataSource` and `dataSourceRef` say the same; both are shown.
 */
import type { V1PersistentVolumeClaim, V1PersistentVolumeClaimSpec } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { type Column, defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { ageColumn, column, nameColumn, wideColumn } from './columns.ts'
import { accessModesCell, CLASS_ANNOTATION } from './persistent-volume.ts'
import { applyClaimSpecDefaults } from './persistent-volume-claim-defaults.ts'
import {
  validateClaim,
  validateClaimStatusUpdate,
  validateClaimUpdate,
} from './persistent-volume-claim-validation.ts'
import { canonicalizeQuantities } from './resource-list.ts'
import { claimWarnings } from './volume-warnings.ts'
import { annotationWarnings } from './warning-rules.ts'

export type PersistentVolumeClaim = WireObject<V1PersistentVolumeClaim>

type Spec = Wire<V1PersistentVolumeClaimSpec>

const applyDefaults = (claim: PersistentVolumeClaim): void => {
  claim.spec ??= {}
  applyClaimSpecDefaults(claim.spec)
  claim.status ??= {}
  const { status } = claim
  status.phase ||= 'Pending'
  if (status.capacity) canonicalizeQuantities(status.capacity)
  if (status.allocatedResources) canonicalizeQuantities(status.allocatedResources)
}

/** What fills a new volume: claims and snapshots by the old field, anything by the new one. */
const settleDataSources = (spec: Spec, old?: Spec): void => {
  const { dataSource, dataSourceRef } = spec
  // Data from another namespace is off by default in 1.36.
  if (dataSourceRef?.namespace && !old?.dataSourceRef) delete spec.dataSourceRef
  const inUse = old?.dataSource ?? old?.dataSourceRef
  if (!inUse && !spec.dataSourceRef && dataSource && !isKnownSource(dataSource)) {
    delete spec.dataSource
  }
  mirrorDataSources(spec)
}

const isKnownSource = ({ apiGroup, kind }: NonNullable<Spec['dataSource']>): boolean =>
  (kind === 'PersistentVolumeClaim' && !apiGroup) ||
  (kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io')

const mirrorDataSources = (spec: Spec): void => {
  const { dataSource, dataSourceRef } = spec
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource }
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) {
    const { namespace: _, ...reference } = dataSourceRef
    spec.dataSource = reference
  }
}

const columns: readonly Column<PersistentVolumeClaim>[] = [
  nameColumn,
  column('Status', 'Its phase, or that it is being deleted.', ({ metadata, status }) => {
    return metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')
  }),
  column('Volume', 'Volume it is bound to.', ({ spec }) => spec?.volumeName ?? ''),
  column('Capacity', 'How much the volume holds.', ({ spec, status }) => {
    return spec?.volumeName ? (status?.capacity?.['storage'] ?? '0') : ''
  }),
  column('Access Modes', 'How the volume can be mounted.', ({ spec, status }) => {
    return spec?.volumeName ? accessModesCell(status?.accessModes) : ''
  }),
  column('StorageClass', 'Class of the volume.', ({ metadata, spec }) => {
    return metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? ''
  }),
  column('VolumeAttributesClass', 'Class of what can change of the volume.', ({ spec }) => {
    return spec?.volumeAttributesClassName ?? '<unset>'
  }),
  ageColumn,
  wideColumn('VolumeMode', 'File system or raw device.', ({ spec }) => {
    return spec?.volumeMode ?? '<unset>'
  }),
]

const CLASS_ANNOTATIONS = [
  [
    'volume.beta.kubernetes.io/storage-class',
    'deprecated since v1.8; use "storageClassName" attribute instead',
  ],
] as const

export const PersistentVolumeClaim = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  namespaced: true,
  model: 'V1PersistentVolumeClaim',
  statusSubresource: true,
  applyDefaults,
  prepareForCreate: (claim) => {
    claim.status = { phase: 'Pending' }
    if (claim.spec) settleDataSources(claim.spec)
  },
  prepareForUpdate: (claim, old) => {
    carryField(claim, old, 'status')
    if (claim.spec) settleDataSources(claim.spec, old.spec)
  },
  prepareForStatusUpdate: (claim, old) => {
    carryField(claim, old, 'spec')
  },
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  validateStatusUpdate: validateClaimStatusUpdate,
  warnings: ({ metadata, spec }) => [
    ...annotationWarnings(metadata, CLASS_ANNOTATIONS),
    ...claimWarnings('spec', spec ?? {}),
  ],
  columns,
})
