/**
 * FieldsV1 texts of objects that differ only in addresses and uids, as one text that they share.
 *
 * Keys by `ip` and `uid` (a pod's addresses, owners) are most of what tells the texts of like objects apart. They
 * are taken out: a mark stands in the text, the values beside it. Invariant: `wholeFields` gives back the very text.
 */
import type { FieldSet } from './field-set.ts'

export interface CompactFields {
  /** JSON text of FieldsV1; in the place of each value MARK and its index. */
  readonly fields: string
  readonly values: readonly string[]
}

/** No name of a field holds it, and JSON texts may. */
const MARK = '\u007f'
const MARKED = /\u007f(\d+)/g
const OWN_KEYS = ['k:{\\"ip\\":\\"', 'k:{\\"uid\\":\\"']
const NO_VALUES: readonly string[] = Object.freeze([])

export const compactFields = (text: string): CompactFields => {
  const places = OWN_KEYS.flatMap((key) => placesOf(text, key))
  if (places.length === 0 || text.includes(MARK)) return { fields: text, values: NO_VALUES }
  places.sort((one, other) => one.from - other.from)
  const values: string[] = []
  let fields = ''
  let at = 0
  for (const { from, to } of places) {
    fields += `${text.slice(at, from)}${MARK}${values.length}`
    values.push(text.slice(from, to))
    at = to
  }
  return { fields: fields + text.slice(at), values }
}

interface Place {
  from: number
  to: number
}

/** Where the values behind `key` stand; one with something escaped in it stays. */
const placesOf = (text: string, key: string): Place[] => {
  const places: Place[] = []
  for (let at = text.indexOf(key); at >= 0; at = text.indexOf(key, at)) {
    const from = at + key.length
    const to = text.indexOf('\\', from)
    at = from
    if (to > from && text.startsWith('\\"}"', to)) places.push({ from, to })
  }
  return places
}

export const wholeFields = ({ fields, values }: CompactFields): string =>
  values.length === 0 ? fields : withValues(fields, values)

const withValues = (text: string, values: readonly string[]): string =>
  text.replace(MARKED, (_, index: string) => values[Number(index)] ?? '')

interface ParsedFields {
  set: FieldSet
  /** The elements that lead to each mark, the marked one last; inner ones come first. */
  marked: readonly (readonly string[])[]
}

const PARSED_MAX = 512
const parsed = new Map<string, ParsedFields>()

/** The set of a text; a form that many objects share is parsed once. */
export const parsedFields = ({ fields, values }: CompactFields): FieldSet => {
  let form = parsed.get(fields)
  if (!form) {
    if (parsed.size >= PARSED_MAX) parsed.clear()
    const set = JSON.parse(fields) as FieldSet
    form = { set, marked: fields.includes(MARK) ? markedPaths(set) : [] }
    parsed.set(fields, form)
  }
  return form.marked.reduce((set, path) => replaceElement(set, path, values), form.set)
}

const markedPaths = (set: FieldSet): string[][] =>
  Object.keys(set).flatMap((element) => [
    ...markedPaths(set[element]!).map((path) => [element, ...path]),
    ...(element.includes(MARK) ? [[element]] : []),
  ])

/** `set`, which is shared, with the value in the place of the mark at the end of `path`. */
const replaceElement = (
  set: FieldSet,
  [element = '', ...rest]: readonly string[],
  values: readonly string[],
): FieldSet => {
  if (rest.length > 0) return { ...set, [element]: replaceElement(set[element]!, rest, values) }
  const replaced: Record<string, FieldSet> = {}
  for (const each in set) replaced[each === element ? withValues(each, values) : each] = set[each]!
  return replaced
}
