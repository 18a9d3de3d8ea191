/**
 * Duplicate keys in a JSON text, which `JSON.parse` hides, and where faults stand in it.
 *
 * Only counting happens for a text without duplicates: strings that are followed by a colon, against the keys
 * of the parsed value. The text is known to be valid JSON.
 */
import type { Json } from './meta.ts'

/** Kubernetes' messages, in document order: `duplicate field "spec.replicas"`. At most 100. */
export const duplicateFields = (text: string, parsed: Json): string[] =>
  hasDuplicates(text, parsed)
    ? [...new Set(duplicatesIn(text).map(({ path }) => `duplicate field "${path}"`))]
    : []

/** As Go's YAML reader tells of them: `line 10: key "replicas" already set in map`. At most 100. */
export const duplicateLines = (text: string, parsed: Json): string[] => {
  if (!hasDuplicates(text, parsed)) return []
  return duplicatesIn(text).map(({ key, at }) => {
    const line = text.slice(0, at).split('\n').length
    return `line ${line}: key ${JSON.stringify(key)} already set in map`
  })
}

/** Unknown fields (`unknown field "spec.foo"`) with the duplicate ones among them, in document order. */
export const faultsInOrder = (
  text: string,
  parsed: Json,
  unknownFields: readonly string[],
): readonly string[] => {
  if (!hasDuplicates(text, parsed)) return unknownFields
  const unknown = new Set(unknownFields)
  const faults = new Set<string>()
  let skipped: string | undefined
  scanKeys(text, ({ path, isDuplicate }) => {
    if (skipped !== undefined && (path.startsWith(`${skipped}.`) || path.startsWith(`${skipped}[`)))
      return true
    skipped = undefined
    const fault = `unknown field "${path}"`
    if (unknown.has(fault)) {
      skipped = path
      faults.add(fault)
    } else if (isDuplicate) faults.add(`duplicate field "${path}"`)
    return faults.size < DUPLICATES_MAX
  })
  return [...faults]
}

const hasDuplicates = (text: string, parsed: Json): boolean =>
  countKeysInText(text) !== countKeys(parsed)

const DUPLICATES_MAX = 100
const QUOTE = 34
const COLON = 58

const countKeys = (value: Json): number => {
  if (typeof value !== 'object' || value === null) return 0
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') count += countKeys(item)
    return count
  }
  for (const key in value) {
    count++
    const item = value[key] as Json
    if (typeof item === 'object') count += countKeys(item)
  }
  return count
}

/** The index after the string that opens at `start`. */
const endOfString = (text: string, start: number): number => {
  let end = text.indexOf('"', start + 1)
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end < 0 ? text.length : end + 1
}

const isEscaped = (text: string, at: number): boolean => {
  let backslashes = 0
  while (text[at - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}

const skipSpace = (text: string, at: number): number => {
  let index = at
  while (text.charCodeAt(index) <= 32) index++
  return index
}

const countKeysInText = (text: string): number => {
  let count = 0
  for (let start = text.indexOf('"'); start >= 0; ) {
    const end = endOfString(text, start)
    if (text.charCodeAt(skipSpace(text, end)) === COLON) count++
    start = text.indexOf('"', end)
  }
  return count
}

/** One level of nesting: the keys of an object so far, or the index in a list. */
interface Level {
  keys?: Set<string>
  index: number
  key: string
}

interface FoundKey {
  path: string
  key: string
  /** Its place in the text. */
  at: number
  isDuplicate: boolean
}

const duplicatesIn = (text: string): FoundKey[] => {
  const found: FoundKey[] = []
  scanKeys(text, (key) => {
    if (key.isDuplicate) found.push(key)
    return found.length < DUPLICATES_MAX
  })
  return found
}

/** Calls `visit` for each key, in order, while it says to go on. */
const scanKeys = (text: string, visit: (key: FoundKey) => boolean): void => {
  const levels: Level[] = []
  for (let at = 0; at < text.length; at++) {
    const level = levels.at(-1)
    switch (text[at]) {
      case '{':
        levels.push({ keys: new Set(), index: 0, key: '' })
        break
      case '[':
        levels.push({ index: 0, key: '' })
        break
      case '}':
      case ']':
        levels.pop()
        break
      case ',':
        if (level && !level.keys) level.index++
        break
      default: {
        if (text.charCodeAt(at) !== QUOTE) break
        const end = endOfString(text, at)
        if (level?.keys && text.charCodeAt(skipSpace(text, end)) === COLON) {
          level.key = JSON.parse(text.slice(at, end))
          const isDuplicate = level.keys.has(level.key)
          level.keys.add(level.key)
          if (!visit({ path: pathOf(levels), key: level.key, at, isDuplicate })) return
        }
        at = end - 1
      }
    }
  }
}

const pathOf = (levels: readonly Level[]): string => {
  let path = ''
  for (const { keys, index, key } of levels)
    path += keys ? (path === '' ? key : `.${key}`) : `[${index}]`
  return path
}
