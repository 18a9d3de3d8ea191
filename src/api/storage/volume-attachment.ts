/**
 * VolumeAttachment: the wish that a volume be attached to a node, and how far a driver has come with it.
 *
 * The spec never changes; the driver's attacher writes the status.
 */
import type { V1VolumeAttachment, V1VolumeError } from '@kubernetes/client-node'
import { carryField, carryOtherMetadata } from '../carry-field.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import {
  checkCsiDriverName,
  checkDnsSubdomain,
  checkUnchanged,
  MAX_INT32,
} from '../core/field-rules.ts'
import { checkInlineVolumeSpec } from '../core/persistent-volume-validation.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { rangeMessage } from '../names.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooLongField,
} from '../status-error.ts'

export type VolumeAttachment = WireObject<V1VolumeAttachment>

type Source = Partial<VolumeAttachment['spec']['source']>

const METADATA_MAX_BYTES = 256 * 1024
const MESSAGE_MAX = 1024

const validate = ({ spec, status }: VolumeAttachment): FieldError[] => {
  const errors: FieldError[] = []
  checkCsiDriverName(errors, 'spec.attacher', spec.attacher)
  checkSource(errors, 'spec.source', spec.source ?? {})
  checkDnsSubdomain(errors, 'spec.nodeName', spec.nodeName ?? '')
  checkStatus(errors, status)
  const volume = spec.source?.persistentVolumeName
  if (volume != null) checkDnsSubdomain(errors, 'spec.source.persistentVolumeName', volume)
  return errors
}

const checkSource = (
  errors: FieldError[],
  path: string,
  { inlineVolumeSpec, persistentVolumeName }: Source,
): void => {
  const why = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
  if (!inlineVolumeSpec && persistentVolumeName == null) errors.push(requiredField(path, why))
  else if (inlineVolumeSpec && persistentVolumeName != null) {
    errors.push(forbiddenField(path, why))
  } else if (persistentVolumeName === '') {
    const empty = 'must specify non empty persistentVolumeName'
    errors.push(requiredField(`${path}.persistentVolumeName`, empty))
  } else if (inlineVolumeSpec) {
    checkInlineVolumeSpec(errors, `${path}.inlineVolumeSpec`, inlineVolumeSpec)
  }
}

const checkStatus = (errors: FieldError[], status: VolumeAttachment['status']): void => {
  let bytes = 0
  for (const [key, value] of Object.entries(status?.attachmentMetadata ?? {})) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (bytes > METADATA_MAX_BYTES) {
    errors.push(tooLongField('status.attachmentMetadata', METADATA_MAX_BYTES))
  }
  checkVolumeError(errors, 'status.attachError', status?.attachError)
  checkVolumeError(errors, 'status.detachError', status?.detachError)
}

const checkVolumeError = (
  errors: FieldError[],
  path: string,
  { message = '', errorCode }: Wire<V1VolumeError> = {},
): void => {
  // The limit is 1024, and Kubernetes names another one.
  if (Buffer.byteLength(message) > MESSAGE_MAX) {
    errors.push(tooLongField(`${path}.message`, METADATA_MAX_BYTES))
  }
  if (errorCode == null || errorCode >= 0) return
  errors.push(invalidField(`${path}.errorCode`, errorCode, rangeMessage(0, MAX_INT32)))
}

/** What it is in Kubernetes. */
const SPEC = 'storage.VolumeAttachmentSpec'

export const VolumeAttachment = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  singular: 'volumeattachment',
  namespaced: false,
  model: 'V1VolumeAttachment',
  statusSubresource: true,
  applyDefaults: (attachment) => {
    attachment.spec ??= { attacher: '', nodeName: '', source: {} }
    attachment.spec.source ??= {}
    if (attachment.status) attachment.status.attached ??= false
  },
  prepareForCreate: (attachment) => {
    attachment.status = { attached: false }
  },
  prepareForUpdate: (attachment, old) => {
    carryField(attachment, old, 'status')
  },
  prepareForStatusUpdate: (attachment, old) => {
    carryField(attachment, old, 'spec')
    carryOtherMetadata(attachment, old)
    attachment.status ??= { attached: false }
  },
  validate,
  validateUpdate: ({ spec }, old) => {
    const errors: FieldError[] = []
    checkUnchanged(errors, 'spec', spec, old.spec, SPEC)
    return errors
  },
  validateStatusUpdate: (attachment, old) => {
    const errors = validate(attachment)
    checkUnchanged(errors, 'spec', attachment.spec, old.spec, SPEC)
    return errors
  },
  columns: [
    nameColumn,
    { ...column('Attacher', 'Driver that attaches.', ({ spec }) => spec.attacher), format: 'name' },
    column('PV', 'Volume that is attached.', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    column('Node', 'Node it is attached to.', ({ spec }) => spec.nodeName),
    column(
      'Attached',
      'Whether it is attached.',
      ({ status }) => {
        return status?.attached ?? false
      },
      'boolean',
    ),
    ageColumn,
  ],
})
