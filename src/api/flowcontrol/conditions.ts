/**
 * Conditions in the status of flow schemas and priority levels: each type once.
 */
import { duplicateField, type FieldError, requiredField } from '../status-error.ts'

export const checkConditionTypes = (
  errors: FieldError[],
  conditions: readonly { type?: string }[] = [],
): void => {
  const seen = new Set<string>()
  for (const [index, { type = '' }] of conditions.entries()) {
    const at = `status.conditions[${index}].type`
    if (seen.has(type)) errors.push(duplicateField(at, type))
    seen.add(type)
    if (!type) errors.push(requiredField(at))
  }
}
