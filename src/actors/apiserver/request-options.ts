/**
 * The options of a write in its query: fieldManager, force, dryRun, fieldValidation.
 *
 * After Kubernetes' `apimachinery/pkg/apis/meta/v1/validation`. It changes nothing.
 */
import {
  type FieldError,
  forbiddenField,
  invalid,
  invalidField,
  requiredField,
  tooLongField,
  unsupportedField,
} from '../../api/status-error.ts'
import { MANAGER_BYTES_MAX } from './field-managers.ts'
import type { ApiRequest } from './request.ts'

const OPTIONS = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
  deletecollection: 'DeleteOptions',
} as const

/** Throws 422. */
export const checkOptions = (request: ApiRequest): void => {
  const { verb, query, patch } = request
  if (query.size === 0 && patch !== 'apply') return
  if (!(verb in OPTIONS)) return
  const errors: FieldError[] = []
  const manager = query.get('fieldManager') ?? ''
  if (patch === 'apply') {
    if (manager === '' && !request.manager)
      errors.push(requiredField('fieldManager', 'is required for apply patch'))
  } else if (verb === 'patch' && query.has('force'))
    errors.push(forbiddenField('force', 'may not be specified for non-apply patch'))
  if (!verb.startsWith('delete')) checkManager(errors, manager)
  const dryRun = query.getAll('dryRun')
  if (dryRun.some((value) => value !== 'All'))
    errors.push({
      ...unsupportedField('dryRun', '', ['All']),
      message: `Unsupported value: []string{${dryRun.map((value) => JSON.stringify(value)).join(', ')}}: supported values: "All"`,
    })
  const validation = query.get('fieldValidation') ?? ''
  if (!verb.startsWith('delete') && !VALIDATIONS.includes(validation))
    errors.push(unsupportedField('fieldValidation', validation, VALIDATIONS))
  if (errors.length === 0) return
  const kind = OPTIONS[verb as keyof typeof OPTIONS]
  throw invalid({ group: 'meta.k8s.io', kind }, '', errors)
}

const VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn']

const checkManager = (errors: FieldError[], manager: string): void => {
  if (Buffer.byteLength(manager) > MANAGER_BYTES_MAX)
    errors.push(tooLongField('fieldManager', MANAGER_BYTES_MAX))
  let at = 0
  for (const character of manager) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) {
      const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
      errors.push(
        invalidField('fieldManager', manager, `invalid character U+${code} (at position ${at})`),
      )
    }
    at += Buffer.byteLength(character)
  }
}
