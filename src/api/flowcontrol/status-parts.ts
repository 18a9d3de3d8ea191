/**
 * What the kinds of flow control have in common: a spec that users write, and a status of conditions.
 *
 * Invariant: each of the two is written on a path of its own.
 */
import { carryField, carryOtherMetadata } from '../carry-field.ts'
import type { KubernetesObject } from '../meta.ts'
import type { FieldError } from '../status-error.ts'
import { checkConditionTypes } from './conditions.ts'

interface Configuration extends KubernetesObject {
  spec?: object
  status?: { conditions?: { type?: string }[] }
}

export const statusParts = {
  prepareForCreate: (object: Configuration): void => {
    object.status = {}
  },
  prepareForUpdate: (object: Configuration, old: Configuration): void => {
    carryField(object, old, 'status')
  },
  prepareForStatusUpdate: (object: Configuration, old: Configuration): void => {
    carryField(object, old, 'spec')
    carryOtherMetadata(object, old)
  },
  validateStatusUpdate: ({ status }: Configuration): FieldError[] => {
    const errors: FieldError[] = []
    checkConditionTypes(errors, status?.conditions)
    return errors
  },
}
