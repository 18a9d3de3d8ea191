/**
 * The JSON of a shared object, made once however often it is sent: as text, and as bytes where many are joined.
 *
 * Invariant: only objects that are never mutated come here (those of the cache, and results of a write).
 * What is not asked for while KEPT_MAX of others was made is forgotten; no object is held alive.
 */
import { jsonWithManagers } from '../api/managed-fields/manager-entry.ts'

/** Characters or bytes; twice as much is there at most. */
const KEPT_MAX = 16 * 1024 * 1024

/** Two generations: what the younger one has no room for any more makes the older one be forgotten. */
class Kept<T extends { readonly length: number }> {
  private young = new WeakMap<object, T>()
  private old = new WeakMap<object, T>()
  private length = 0

  get(object: object): T | undefined {
    const known = this.young.get(object)
    if (known !== undefined) return known
    const older = this.old.get(object)
    if (older !== undefined) this.put(object, older)
    return older
  }

  put(object: object, value: T): void {
    if (this.length > KEPT_MAX) {
      this.old = this.young
      this.young = new WeakMap()
      this.length = 0
    }
    this.young.set(object, value)
    this.length += value.length
  }

  /** Without a promise to keep it. */
  peek(object: object): T | undefined {
    return this.young.get(object) ?? this.old.get(object)
  }
}

const texts = new Kept<string>()
const bytesOfItems = new Kept<Buffer>()

export const jsonText = (object: object): string => {
  const known = texts.get(object)
  if (known !== undefined) return known
  const text = jsonWithManagers(object)
  texts.put(object, text)
  return text
}

/** The same for an object that is one of very many: a text that is not known is not kept. */
export const passingJsonText = (object: object): string =>
  texts.peek(object) ?? jsonWithManagers(object)

/**
 * How an object stands in lists, in UTF-8: joining bytes costs a fifth of encoding their texts again.
 * `textOf` is always the same for one object.
 */
export const itemBytes = (
  object: object,
  textOf: (object: object) => string = jsonWithManagers,
): Buffer => {
  const known = bytesOfItems.get(object)
  if (known !== undefined) return known
  const bytes = Buffer.from(textOf(object))
  bytesOfItems.put(object, bytes)
  return bytes
}
