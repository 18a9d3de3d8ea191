/**
 * The texts of bodies: JSON and YAML, with what a strict reader finds wrong with them.
 *
 * Duplicate keys are looked for only when somebody asks. It knows no schema.
 */
import { isMap, isScalar, LineCounter, parseDocument, parse as parseYaml, visit } from 'yaml'
import { duplicateFields, duplicateLines, faultsInOrder } from '../../api/duplicate-keys.ts'
import { jsonSyntaxFault } from '../../api/json-syntax.ts'
import type { Json } from '../../api/meta.ts'
import { badRequest } from '../../api/status-error.ts'
import type { PatchFormat } from './request.ts'

export interface ParsedText {
  body: unknown
  /** In Kubernetes' words; of YAML with the line: `line 10: key "replicas" already set in map`. */
  duplicates?: () => readonly string[]
  /** Unknown fields and duplicate ones, as they stand in the text. */
  inOrder?: (unknownFields: readonly string[]) => readonly string[]
  isYaml?: boolean
}

const YAML = { maxAliasCount: 100, schema: 'core', uniqueKeys: false } as const

/** Throws 400, which says the kind that was expected: `kindOf`. */
export const parseJsonText = (text: string, kindOf: () => string): ParsedText => {
  const body = parseJson(text, (fault) => unrecognized(kindOf(), fault, text))
  return { body, inOrder: (unknownFields) => faultsInOrder(text, body, unknownFields) }
}

/** Throws 400. */
export const parseYamlText = (text: string): ParsedText => ({
  body: parseYamlValue(text, 'error converting YAML to JSON: '),
  duplicates: () => duplicatesInYaml(text),
  isYaml: true,
})

/** Throws 400. */
export const parsePatchText = (text: string, format: PatchFormat): ParsedText => {
  if (format === 'apply') return parseConfiguration(text)
  const prefix = format === 'strategic' ? '' : 'error decoding patch: '
  const body = parseJson(text, (fault) => prefix + fault)
  if (format === 'json')
    return { body, inOrder: (unknownFields) => faultsInOrder(text, body, unknownFields) }
  return { body, duplicates: () => duplicateFields(text, body) }
}

/** Configurations are YAML, of which JSON is a part that most clients send. */
const parseConfiguration = (text: string): ParsedText => {
  try {
    const body = JSON.parse(text) as Json
    return { body, duplicates: () => duplicateLines(text, body), isYaml: true }
  } catch {
    const body = parseYamlValue(text, 'error decoding YAML: error converting YAML to JSON: ')
    return { body, duplicates: () => duplicatesInYaml(text), isYaml: true }
  }
}

const parseJson = (text: string, messageOf: (fault: string) => string): Json => {
  try {
    const value = JSON.parse(text) as Json
    return SURROGATE.test(text) ? wellFormed(value) : value
  } catch (error) {
    throw badRequest(messageOf(jsonSyntaxFault(text) ?? (error as Error).message))
  }
}

/** Half of a character, written as an escape: nothing that is stored could hold it. */
const SURROGATE = /\\u[dD][89a-fA-F]/
const HALVES = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** Halves of characters become U+FFFD, as Go reads them. */
const wellFormed = (value: Json): Json => {
  if (typeof value === 'string') return value.replace(HALVES, '\ufffd')
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(wellFormed)
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key.replace(HALVES, '\ufffd'), wellFormed(each)]),
  )
}

export const unrecognized = (kind: string, fault: string, text: string): string =>
  `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${fault} (${summaryOf(text)})`

const SUMMARY_BYTES_MAX = 30

/** The first bytes of a body: what may be an object as text, other things in hexadecimal. */
const summaryOf = (text: string): string => {
  const bytes = Buffer.from(text)
  const shown = bytes.subarray(0, SUMMARY_BYTES_MAX).toString(text[0] === '{' ? 'utf8' : 'hex')
  return bytes.length > SUMMARY_BYTES_MAX ? `${shown} ...` : shown
}

const parseYamlValue = (text: string, prefix: string): unknown => {
  try {
    return parseYaml(text, YAML)
  } catch (error) {
    throw badRequest(`${prefix}${(error as Error).message}`)
  }
}

const DUPLICATES_MAX = 100

const duplicatesInYaml = (text: string): string[] => {
  const lineCounter = new LineCounter()
  const found: { line: number; key: string }[] = []
  visit(parseDocument(text, { ...YAML, lineCounter }), {
    Map: (_, map) => {
      if (!isMap(map)) return
      const keys = new Set<string>()
      for (const { key } of map.items) {
        const name = String(isScalar(key) ? key.value : key)
        const at = isScalar(key) ? (key.range?.[0] ?? 0) : 0
        if (keys.has(name)) found.push({ line: lineCounter.linePos(at).line, key: name })
        keys.add(name)
      }
    },
  })
  return found
    .sort((one, other) => one.line - other.line)
    .slice(0, DUPLICATES_MAX)
    .map(({ line, key }) => `line ${line}: key ${JSON.stringify(key)} already set in map`)
}
