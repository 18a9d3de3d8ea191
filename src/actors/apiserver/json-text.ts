/**
 * The JSON text of a shared object, made once however often it is sent.
 *
 * Invariant: only objects that are never mutated come here (those of the cache, and results of a write).
 * The memo dies with the object; it holds no object alive.
 */
const texts = new WeakMap<object, string>()

export const jsonText = (object: object): string => {
  let text = texts.get(object)
  if (text === undefined) {
    text = JSON.stringify(object)
    texts.set(object, text)
  }
  return text
}
