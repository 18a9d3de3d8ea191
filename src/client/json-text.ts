/**
 * The JSON of a shared object, made once however often it is sent: as text, and as bytes where many are joined.
 *
 * Invariant: only objects that are never mutated come here (those of the cache, and results of a write).
 * What is not asked for while KEPT_MAX of others was made is forgotten; no object is held alive.
 */
import {
  jsonWithManagers,
  type ManagedText,
  managedText,
} from '../api/managed-fields/manager-entry.ts'

/** Characters or bytes; twice as much is there at most. */
const KEPT_MAX = 16 * 1024 * 1024

/** Two generations: what the younger one has no room for any more makes the older one be forgotten. */
class Kept<T> {
  private young = new WeakMap<object, T>()
  private old = new WeakMap<object, T>()
  private length = 0
  private readonly lengthOf: (value: T) => number

  constructor(lengthOf: (value: T) => number) {
    this.lengthOf = lengthOf
  }

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
    this.length += this.lengthOf(value)
  }

  /** Without a promise to keep it. */
  peek(object: object): T | undefined {
    return this.young.get(object) ?? this.old.get(object)
  }
}

const texts = new Kept<ManagedText>(({ text }) => text.length)
const bytesOfItems = new Kept<Buffer>(({ length }) => length)

export const jsonText = (object: object): string => {
  const known = texts.get(object)
  if (known !== undefined) return known.text
  const made = managedText(object)
  texts.put(object, made)
  return made.text
}

/** The same for an object that is one of very many: a text that is not known is not kept. */
export const passingJsonText = (object: object): string =>
  texts.peek(object)?.text ?? jsonWithManagers(object)

/** Without the managers of its fields; out of the whole text where that is known. It is not kept. */
export const plainJsonText = (object: object): string => {
  const known = texts.peek(object)
  if (!known) return JSON.stringify(object)
  const { text, from, to } = known
  return from === to ? text : text.slice(0, from) + text.slice(to)
}

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
