/**
 * JSON Patch (RFC 6902).
 *
 * Errors are those of Kubernetes' apiserver: 400 for a patch it cannot read, 422 for one that does not apply.
 * The arguments are not changed. What copies add is bounded.
 */
import jsonpatch, { type Operation, type Validator } from 'fast-json-patch'
import { deepCopy } from '../equality.ts'
import type { UncheckedObject } from '../kind.ts'
import type { Json } from '../meta.ts'
import { badRequest, StatusError, tooLarge } from '../status-error.ts'

const OPERATIONS_MAX = 10_000
/** What all copies of one patch may add, as JSON. */
const COPIED_BYTES_MAX = 3 * 1024 * 1024
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
  const result = patchOrFault(object, operations)
  if ('patched' in result) return result.patched
  throw rejected()
}

/**
 * `object` with the operations applied, or why they do not apply, much as Go's library says it. Throws StatusError for
 * operations that cannot be read.
 */
export const patchOrFault = (
  object: UncheckedObject,
  operations: Json,
): { patched: UncheckedObject } | { fault: string; isFailedTest: boolean } => {
  const checked = readOperations(operations)
  let patched: UncheckedObject = deepCopy(object)
  let copied = 0
  for (const [index, operation] of checked.entries())
    try {
      if (operation.op === 'copy') copied += sizeAt(patched, operation.from)
      if (copied > COPIED_BYTES_MAX) throw rejected()
      // What is moved into itself would hold itself.
      if (operation.op === 'move' && operation.path.startsWith(`${operation.from}/`))
        throw rejected()
      const step = deepCopy(operation)
      patched = jsonpatch.applyOperation(patched, step, checkPlaces, true, true, index).newDocument
    } catch (error) {
      const { op, path } = operation
      const isFailedTest = (error as Error).name === 'TEST_OPERATION_FAILED'
      const fault = isFailedTest
        ? `testing value ${path} failed: test failed`
        : `${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`
      return { fault, isFailedTest }
    }
  return { patched }
}

/**
 * Throws when an operation's value or places are missing. In place of the package's own check, which copies the whole
 * document for each `move` and `copy`. `existing` is how far the path leads.
 */
const checkPlaces: Validator<unknown> = (operation, _index, document, existing = '') => {
  const { path } = operation
  if (path !== '' && !path.startsWith('/')) throw rejected()
  switch (operation.op) {
    case 'add':
      if (operation.value === undefined || depthOf(path) > depthOf(existing) + 1) throw rejected()
      break
    case 'replace':
      if (operation.value === undefined || path !== existing) throw rejected()
      break
    case 'remove':
      if (path !== existing) throw rejected()
      break
    case 'move':
    case 'copy':
      if (jsonpatch.getValueByPointer(document, operation.from) === undefined) throw rejected()
  }
}

const depthOf = (pointer: string): number => pointer.split('/').length

const sizeAt = (document: UncheckedObject, pointer: string): number =>
  (JSON.stringify(jsonpatch.getValueByPointer(document, pointer)) ?? '').length

/** Whether operations read or write the managers of the object's fields. */
export const touchesManagedFields = (operations: Json): boolean =>
  Array.isArray(operations) &&
  operations.some((operation) => {
    const { path, from } = (operation ?? {}) as { path?: Json; from?: Json }
    return [path, from].some(
      (pointer) =>
        pointer === '' ||
        pointer === '/metadata' ||
        (typeof pointer === 'string' && pointer.startsWith('/metadata/managedFields')),
    )
  })

const MEMBERS: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value'])

/** What no operation has, in Kubernetes' words: `unknown field "[0].foo"`. */
export const unknownOperationFields = (operations: Json): string[] =>
  (Array.isArray(operations) ? operations : []).flatMap((operation, index) =>
    Object.keys(operation ?? {})
      .filter((member) => !MEMBERS.has(member))
      .map((member) => `unknown field "[${index}].${member}"`),
  )

const rejected = () =>
  new StatusError(
    422,
    'Invalid',
    'the server rejected our request due to an error in our request',
    {},
  )

const readOperations = (operations: Json): Operation[] => {
  if (!Array.isArray(operations))
    throw unreadable(operations, 'value of type []handlers.jsonPatchOp')
  if (operations.length > OPERATIONS_MAX)
    throw tooLarge(
      `Request entity too large: The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`,
    )
  return operations.map((operation) => {
    const isRecord =
      typeof operation === 'object' && operation !== null && !Array.isArray(operation)
    if (!isRecord) throw unreadable(operation, 'value of type handlers.jsonPatchOp')
    for (const member of ['op', 'path', 'from'])
      if (typeof (operation[member] ?? '') !== 'string')
        throw unreadable(
          operation[member] ?? null,
          `struct field jsonPatchOp.${member} of type string`,
        )
    if (!OPERATIONS.has(operation['op']) || typeof operation['path'] !== 'string') throw rejected()
    return operation as unknown as Operation
  })
}

const unreadable = (value: Json, what: string): StatusError =>
  badRequest(`error decoding patch: json: cannot unmarshal ${jsonKindOf(value)} into Go ${what}`)

/** What Go's JSON reader calls a value. */
const jsonKindOf = (value: Json): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
