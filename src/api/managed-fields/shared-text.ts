/**
 * One copy of texts that many objects hold: names of managers, and FieldsV1 of objects of the same form.
 *
 * Invariant: bounded. A table that is full is emptied; who holds a text keeps it.
 */
const TEXTS_MAX = 4_096
const FIELDS_MAX = 4_096
/** Longer texts are rarely alike. */
const FIELDS_LENGTH_MAX = 16 * 1024

const texts = new Map<string, string>()
const fields = new Map<string, string>()

export const sharedText = (text: string): string => shared(texts, TEXTS_MAX, text)

export const sharedFields = (text: string): string =>
  text.length > FIELDS_LENGTH_MAX ? text : shared(fields, FIELDS_MAX, text)

const shared = (table: Map<string, string>, max: number, text: string): string => {
  const known = table.get(text)
  if (known !== undefined) return known
  if (table.size >= max) table.clear()
  table.set(text, text)
  return text
}
