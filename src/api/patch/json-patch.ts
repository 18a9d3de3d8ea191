/**
 * JSON Patch (RFC 6902).
 *
 * Errors are those of Kubernetes' apiserver: 400 for a patch it cannot read, 422 for one that does not apply.
 * The arguments are not changed.
 */
import jsonpatch, { type Operation } from 'fast-json-patch'
import { deepCopy } from '../equality.ts'
import type { UncheckedObject } from '../kind.ts'
import type { Json } from '../meta.ts'
import { badRequest, StatusError, tooLarge } from '../status-error.ts'

const OPERATIONS_MAX = 10_000
const OPERATIONS: ReadonlySet<Json | undefined> = new Set([
  'add',
  'remove',
  'replace',
  'move',
  'copy',
  'test',
])

/** `object` with the operations applied, all or none. */
export const applyJsonPatch = (object: UncheckedObject, operations: Json): UncheckedObject => {
  const checked = readOperations(operations)
  try {
    const patched = jsonpatch.applyPatch(deepCopy(object), deepCopy(checked), true, true, true)
    return patched.newDocument
  } catch {
    throw rejected()
  }
}

const rejected = () =>
  new StatusError(
    422,
    'Invalid',
    'the server rejected our request due to an error in our request',
    {},
  )

const readOperations = (operations: Json): Operation[] => {
  if (!Array.isArray(operations))
    throw badRequest(
      `json: cannot unmarshal ${operations === null ? 'null' : typeof operations} into Go value of type jsonpatch.Patch`,
    )
  if (operations.length > OPERATIONS_MAX)
    throw tooLarge(
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`,
    )
  return operations.map((operation) => {
    const isRecord =
      typeof operation === 'object' && operation !== null && !Array.isArray(operation)
    if (!isRecord) throw badRequest('error decoding patch: an operation is not an object')
    if (!OPERATIONS.has(operation['op']) || typeof operation['path'] !== 'string') throw rejected()
    return operation as unknown as Operation
  })
}
