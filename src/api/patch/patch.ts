/**
 * The patch formats by media type, and what is said about a patch whose result does not decode.
 *
 * Server-side apply is no patch of this sort: it needs to know who manages which fields (`managed-fields/`).
 */
import type { UncheckedObject } from '../kind.ts'
import type { Json } from '../meta.ts'
import { invalidField, StatusError } from '../status-error.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

export type PatchType = 'json' | 'merge' | 'strategic'

const MEDIA_TYPES: ReadonlyMap<string, PatchType | 'apply'> = new Map<string, PatchType | 'apply'>([
  ['application/json-patch+json', 'json'],
  ['application/merge-patch+json', 'merge'],
  ['application/strategic-merge-patch+json', 'strategic'],
  ['application/apply-patch+yaml', 'apply'],
])

/** The formats served. */
export const patchMediaTypes: readonly string[] = [...MEDIA_TYPES.keys()]

/** The formats served, as a 415 lists them; custom objects have no strategic merge patch. */
export const acceptedPatches = (isCustom: boolean): readonly string[] =>
  isCustom ? patchesOfCustom : patchMediaTypes

const patchesOfCustom = patchMediaTypes.filter((type) => MEDIA_TYPES.get(type) !== 'strategic')

/** The format that a media type, in small letters and without parameters, names; undefined when none. */
export const patchTypeOf = (mediaType: string): PatchType | 'apply' | undefined =>
  MEDIA_TYPES.get(mediaType)

/**
 * `object` with `patch` (parsed JSON) applied; `model` is the kind's. The result is unchecked: decode it with
 * `checkFields` before use, and never mutate it (it shares parts with `object`). Throws StatusError 400, 413, 422.
 */
export const applyPatch = (
  type: PatchType,
  object: UncheckedObject,
  patch: Json,
  model: string,
): UncheckedObject => {
  switch (type) {
    case 'json':
      return applyJsonPatch(object, patch)
    case 'merge':
      return applyMergePatch(object, patch)
    case 'strategic':
      return applyStrategicMergePatch(object, patch, model)
  }
}

/** 422 for a patch whose result does not fit the kind; `message` as from `checkFields`. */
export const invalidPatch = (patchText: string, message: string): StatusError => {
  const cause = invalidField('patch', patchText, message)
  return new StatusError(422, 'Invalid', ` "" is invalid: patch: ${cause.message}`, {
    causes: [{ ...cause }],
  })
}
