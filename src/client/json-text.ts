/**
 * The JSON text of a shared object, made once however often it is sent.
 *
 * Invariant: only objects that are never mutated come here (those of the cache, and results of a write).
 * Texts not asked for while TEXTS_MAX characters of others were made are forgotten; no object is held alive.
 */
import { jsonWithManagers } from '../api/managed-fields/manager-entry.ts'

const TEXTS_MAX = 16 * 1024 * 1024

let young = new WeakMap<object, string>()
let old = new WeakMap<object, string>()
let youngLength = 0

export const jsonText = (object: object): string => {
  const known = young.get(object)
  if (known !== undefined) return known
  const text = old.get(object) ?? jsonWithManagers(object)
  if (youngLength > TEXTS_MAX) {
    old = young
    young = new WeakMap()
    youngLength = 0
  }
  young.set(object, text)
  youngLength += text.length
  return text
}

/** The same for an object that is one of very many: a text that is not known is not kept. */
export const passingJsonText = (object: object): string =>
  young.get(object) ?? old.get(object) ?? jsonWithManagers(object)
