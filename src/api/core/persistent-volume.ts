/**
 * PersistentVolume: storage of the cluster that one claim at a time may use; it outlives pods.
 *
 * Its source never changes. The status is a controller's; it says since when the volume has its phase.
 */
import type { V1PersistentVolume } from '@kubernetes/client-node'
import { timestamp } from '../../std/clock.ts'
import { carryField } from '../carry-field.ts'
import { type Column, defineKind, type StrategyContext } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { ageColumn, column, nameColumn, wideColumn } from './columns.ts'
import {
  validatePersistentVolume,
  validatePersistentVolumeUpdate,
} from './persistent-volume-validation.ts'
import { canonicalizeQuantities } from './resource-list.ts'
import { applySourceDefaults } from './volume-source-defaults.ts'
import { persistentVolumeWarnings } from './volume-warnings.ts'

export type PersistentVolume = WireObject<V1PersistentVolume>

/** The class before there was a field for it. */
export const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'

const MODE_LETTERS = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
] as const

/** Access modes as tables show them: `RWO,ROX`. */
export const accessModesCell = (modes: readonly string[] | undefined): string =>
  MODE_LETTERS.filter(([mode]) => modes?.includes(mode))
    .map(([, letters]) => letters)
    .join(',')

const applyDefaults = (volume: PersistentVolume): void => {
  volume.spec ??= {}
  const { spec } = volume
  spec.persistentVolumeReclaimPolicy ||= 'Retain'
  spec.volumeMode ??= 'Filesystem'
  if (spec.capacity) canonicalizeQuantities(spec.capacity)
  applySourceDefaults(spec)
  volume.status ??= {}
  volume.status.phase ||= 'Pending'
}

/** A change of phase is stamped, unless the writer did. */
const stampPhase = (
  volume: PersistentVolume,
  old: PersistentVolume,
  context: StrategyContext,
): void => {
  volume.status ??= {}
  const { status } = volume
  const before = old.status ?? {}
  const given = status.lastPhaseTransitionTime
  if (status.phase === before.phase) {
    if (given == null) carryField(status, before, 'lastPhaseTransitionTime')
  } else if (given == null || given === before.lastPhaseTransitionTime) {
    status.lastPhaseTransitionTime = timestamp(context.now)
  }
}

const columns: readonly Column<PersistentVolume>[] = [
  nameColumn,
  column('Capacity', 'How much it holds.', ({ spec }) => spec?.capacity?.['storage'] ?? '0'),
  column('Access Modes', 'How it can be mounted.', ({ spec }) =>
    accessModesCell(spec?.accessModes),
  ),
  column('Reclaim Policy', 'What becomes of it without a claim.', ({ spec }) => {
    return spec?.persistentVolumeReclaimPolicy ?? ''
  }),
  column('Status', 'Its phase, or that it is being deleted.', ({ metadata, status }) => {
    return metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')
  }),
  column('Claim', 'Namespace and name of its claim.', ({ spec }) => {
    const claim = spec?.claimRef
    return claim ? `${claim.namespace ?? ''}/${claim.name ?? ''}` : ''
  }),
  column('StorageClass', 'Class it belongs to.', ({ metadata, spec }) => {
    return metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? ''
  }),
  column('VolumeAttributesClass', 'Class of what can change of it.', ({ spec }) => {
    return spec?.volumeAttributesClassName ?? '<unset>'
  }),
  column('Reason', 'Why it has failed.', ({ status }) => status?.reason ?? ''),
  ageColumn,
  wideColumn('VolumeMode', 'File system or raw device.', ({ spec }) => {
    return spec?.volumeMode ?? '<unset>'
  }),
]

export const PersistentVolume = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  singular: 'persistentvolume',
  shortNames: ['pv'],
  namespaced: false,
  model: 'V1PersistentVolume',
  statusSubresource: true,
  applyDefaults,
  prepareForCreate: (volume, context) => {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: timestamp(context.now) }
  },
  prepareForUpdate: (volume, old) => {
    carryField(volume, old, 'status')
  },
  prepareForStatusUpdate: (volume, old, context) => {
    carryField(volume, old, 'spec')
    stampPhase(volume, old, context)
  },
  validate: validatePersistentVolume,
  validateUpdate: validatePersistentVolumeUpdate,
  warnings: persistentVolumeWarnings,
  columns,
})
