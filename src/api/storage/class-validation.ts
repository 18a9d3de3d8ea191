/**
 * What StorageClass and VolumeAttributesClass share: the name of a driver and parameters for it.
 *
 * Limits and wording follow Kubernetes 1.36 (`pkg/apis/storage/validation`). Parameters mean something to the
 * driver only.
 */
import { checkQualifiedName } from '../core/field-rules.ts'
import { type FieldError, invalidField, requiredField, tooLongField } from '../status-error.ts'

const MAX_PARAMETERS = 512
const MAX_PARAMETER_BYTES = 256 * 1024

export const checkProvisioner = (
  errors: FieldError[],
  path: string,
  provisioner: string | undefined,
): void => {
  if (!provisioner) errors.push(requiredField(path))
  else checkQualifiedName(errors, path, provisioner.toLowerCase())
}

export const checkParameters = (
  errors: FieldError[],
  parameters: { [key: string]: string } = {},
  { allowEmpty }: { allowEmpty: boolean },
): void => {
  const entries = Object.entries(parameters)
  if (entries.length > MAX_PARAMETERS) {
    errors.push(tooLongField('parameters', MAX_PARAMETERS))
    return
  }
  let bytes = 0
  for (const [key, value] of entries) {
    if (!key) errors.push(invalidField('parameters', key, 'field can not be empty.'))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (bytes > MAX_PARAMETER_BYTES) errors.push(tooLongField('parameters', MAX_PARAMETER_BYTES))
  if (!allowEmpty && entries.length === 0) {
    errors.push(requiredField('parameters', 'must contain at least one key/value pair'))
  }
}
