/**
 * JSON Merge Patch (RFC 7386): objects merge, null deletes, everything else replaces.
 *
 * The arguments are not changed; the result shares what the patch leaves alone.
 */
import type { UncheckedObject } from '../kind.ts'
import type { Json } from '../meta.ts'
import { badRequest } from '../status-error.ts'

/** Throws 400 when the patch is not an object. */
export const applyMergePatch = (object: UncheckedObject, patch: Json): UncheckedObject => {
  if (!isRecord(patch))
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${Array.isArray(patch) ? 'array' : typeof patch} into Go value of type map[string]interface {}`,
    )
  return mergeRecords(object, patch)
}

const isRecord = (value: Json | undefined): value is UncheckedObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is new holds no field that is null, in whatever depth; items of lists may be null. */
const withoutNulls = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(withoutNulls)
  return isRecord(value) ? mergeRecords({}, value) : value
}

const mergeRecords = (target: UncheckedObject, patch: UncheckedObject): UncheckedObject => {
  const merged: UncheckedObject = { ...target }
  for (const key of Object.keys(patch)) {
    if (key === '__proto__') continue
    const wanted = patch[key] as Json
    const present = merged[key]
    if (wanted === null) delete merged[key]
    else if (isRecord(wanted)) merged[key] = mergeRecords(isRecord(present) ? present : {}, wanted)
    else merged[key] = isRecord(present) ? wanted : withoutNulls(wanted)
  }
  return merged
}
