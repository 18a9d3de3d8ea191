/**
 * From a result to the body of an answer: plain, as Table, or as PartialObjectMetadata; JSON, YAML or protobuf.
 *
 * Invariant: an object's text or bytes are made once while they are asked for, and a long list is never held
 * as a whole: it is a sequence of pieces. It decides nothing about the result's content.
 */
import { stringify } from 'yaml'
import type { AnyKind } from '../../api/kind.ts'
import { jsonWithManagers } from '../../api/managed-fields/manager-entry.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { badRequest, StatusError } from '../../api/status-error.ts'
import {
  type MetaApiVersion,
  type TableOptions,
  tableHead,
  toPartialObjectMetadata,
  toRow,
  toTable,
} from '../../api/table.ts'
import { itemBytes, jsonText, passingJsonText } from '../../client/json-text.ts'
import { contentTypeOf, type Format, type Transform } from './negotiate.ts'
import type { ApiResult, ListResult } from './request.ts'

export type ProtobufCodec = typeof import('./protobuf-encode.ts')

/** How objects of an answer or a watch are shown. */
export interface Presentation {
  syntax: Format['syntax']
  as: Transform | undefined
  include: NonNullable<TableOptions['includeObject']>
  metaVersion: MetaApiVersion
  pretty: boolean
  /** There for `syntax: 'protobuf'`. */
  protobuf?: ProtobufCodec
}

/** The body of an answer; pieces are for lists too long to be held twice. */
export interface Content {
  type: string
  /** Among pieces, undefined only gives others their turn. */
  body: string | Buffer | Iterable<string | Buffer | undefined>
}

/** Longer lists are sent in pieces. */
const ITEMS_AT_ONCE = 1000
const PIECE_BYTES = 256 * 1024

const PLAIN: Presentation = {
  syntax: 'json',
  as: undefined,
  include: 'Metadata',
  metaVersion: 'meta.k8s.io/v1',
  pretty: false,
}

/** Throws 400 for table options that make no sense. */
export const presentationOf = (
  format: Format,
  query: URLSearchParams,
): Presentation | Promise<Presentation> => {
  const { syntax, as } = format
  const pretty = isPretty(format, query)
  if (syntax === 'json' && as === undefined && !pretty) return PLAIN
  const presentation: Presentation = {
    syntax,
    as: as === 'APIGroupDiscoveryList' ? undefined : as,
    include: as === 'Table' ? includeOf(query) : 'Metadata',
    metaVersion: `meta.k8s.io/${format.metaVersion ?? 'v1'}`,
    pretty,
  }
  if (syntax !== 'protobuf') return presentation
  return import('./protobuf-encode.ts').then((protobuf) => ({ ...presentation, protobuf }))
}

const isPretty = (format: Format, query: URLSearchParams): boolean => {
  const wanted = query.get('pretty')
  return wanted ? TRUE.has(wanted) : (format.pretty ?? false)
}

/** What Go parses as true. */
const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])

const includeOf = (query: URLSearchParams): Presentation['include'] => {
  const include = query.get('includeObject') || 'Metadata'
  if (include === 'None' || include === 'Metadata' || include === 'Object') return include
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(include)}: must be 'Metadata', 'Object', 'None', or empty`,
  )
}

export const contentOf = (
  result: ApiResult,
  presentation: Presentation,
  nowMs: number,
): Content => {
  if (result.type === 'list') return listContent(result, presentation, nowMs)
  const { protobuf } = presentation
  if (result.type === 'document') return documentContent(result.document, presentation)
  if (presentation.as === 'PartialObjectMetadataList')
    throw notConvertible(presentation.as, `not a list (${goType(result.kind, '')})`)
  if (protobuf)
    return {
      type: contentTypeOf(presentation),
      body: objectBytes(result.kind, result.object, presentation, protobuf),
    }
  return textContent(objectText(result.kind, result.object, presentation, nowMs), presentation)
}

/** A Status, a Scale and the like; JSON where it has no other form. */
export const documentContent = (document: object, presentation: Presentation): Content => {
  const bytes = presentation.protobuf?.encodeDocument(document)
  if (bytes) return { type: contentTypeOf(presentation), body: bytes }
  return textContent(JSON.stringify(document), presentation)
}

const textContent = (json: string, presentation: Presentation): Content => ({
  type: presentation.syntax === 'yaml' ? 'application/yaml' : 'application/json',
  body: inSyntax(json, presentation),
})

const inSyntax = (json: string, { syntax, pretty }: Presentation): string => {
  if (syntax === 'yaml') return yamlOf(JSON.parse(json))
  return pretty ? JSON.stringify(JSON.parse(json), null, 2) : json
}

const yamlOf = (value: unknown): string =>
  stringify(value, {
    aliasDuplicateObjects: false,
    sortMapEntries: true,
    lineWidth: 0,
    indentSeq: false,
  })

/** The name of the kind's type in Kubernetes' messages. */
const goType = ({ group, kind }: AnyKind, suffix: string): string =>
  `*${group.split('.')[0] || 'core'}.${kind}${suffix}`

const notConvertible = (as: string, what: string) =>
  new StatusError(406, 'NotAcceptable', `you requested ${as}, but the requested object is ${what}`)

/** One object as JSON, as a get or a watch event shows it. */
export const objectText = (
  kind: AnyKind,
  object: KubernetesObject,
  { as, include, metaVersion }: Presentation,
  nowMs: number,
  withoutColumns = false,
): string => {
  if (as === undefined) return jsonText(object)
  if (as !== 'Table') return jsonWithManagers(toPartialObjectMetadata(object, metaVersion))
  return JSON.stringify(
    toTable(kind, [object], {
      now: nowMs,
      includeObject: include,
      resourceVersion: object.metadata.resourceVersion,
      withoutColumns,
      apiVersion: metaVersion,
    }),
  )
}

/** The same as enveloped protobuf; there are no Tables in it. */
export const objectBytes = (
  { model }: AnyKind,
  object: KubernetesObject,
  { as, metaVersion }: Presentation,
  protobuf: ProtobufCodec,
): Buffer =>
  as === undefined
    ? protobuf.encodeObject(object, model)
    : protobuf.encodePartial(object, metaVersion)

const listContent = (list: ListResult, presentation: Presentation, nowMs: number): Content => {
  const { kind, items } = list
  const { as, metaVersion, protobuf } = presentation
  if (as === 'PartialObjectMetadata') throw notConvertible(as, `a list (${goType(kind, 'List')})`)
  const metadata = {
    resourceVersion: String(list.revision),
    ...(list.continue ? { continue: list.continue } : {}),
    ...(list.remaining ? { remainingItemCount: list.remaining } : {}),
  }
  const head = as
    ? { kind: as, apiVersion: metaVersion, metadata }
    : { kind: `${kind.kind}List`, apiVersion: kind.apiVersion, metadata }
  const type = contentTypeOf(presentation)
  if (protobuf) {
    const model = as === undefined ? kind.model : undefined
    const pieces = protobuf.encodeList(head, items, model, PIECE_BYTES)
    return { type, body: items.length > ITEMS_AT_ONCE ? pieces : whole(pieces) }
  }
  if (presentation.syntax === 'json' && !presentation.pretty && items.length <= ITEMS_AT_ONCE)
    return { type, body: shortList(list, head, presentation, nowMs) }
  const pieces = gathered(listPieces(list, head, presentation, nowMs))
  return { type, body: items.length > ITEMS_AT_ONCE ? pieces : [...pieces].join('') }
}

const whole = (pieces: Iterable<Buffer | undefined>): Buffer =>
  Buffer.concat([...pieces].filter((piece) => piece !== undefined))

type Head = { kind: string; apiVersion: string; metadata: ListMetadata }
type ListMetadata = { resourceVersion: string; continue?: string; remainingItemCount?: number }

/** Everything before the items of a list in JSON. */
const headText = ({ kind }: ListResult, head: Head, { as, metaVersion }: Presentation): string => {
  if (as !== 'Table')
    return `{"kind":"${head.kind}","apiVersion":"${head.apiVersion}","metadata":${JSON.stringify(head.metadata)},"items":[`
  const text = JSON.stringify(tableHead(kind, { ...head.metadata, apiVersion: metaVersion }))
  return `${text.slice(0, -1)},"rows":[`
}

/**
 * Leaves apiVersion and kind out of an item's text: the list's say it for all. So does Kubernetes for its own kinds,
 * not for custom ones; a typed client compares such an item with what a get gave it.
 */
const untyped = ({ apiVersion, kind }: AnyKind, text: (object: object) => string) => {
  const heads = [
    `{"apiVersion":"${apiVersion}","kind":"${kind}",`,
    `{"kind":"${kind}","apiVersion":"${apiVersion}",`,
  ]
  return (object: KubernetesObject): string => {
    const whole = text(object)
    const head = heads.find((each) => whole.startsWith(each))
    return head ? `{${whole.slice(head.length)}` : whole
  }
}

/** How one item stands in a list; `text` gives the JSON of a plain one. */
const itemTextOf = (
  { kind }: ListResult,
  { as, include, metaVersion }: Presentation,
  nowMs: number,
  text: (object: object) => string,
): ((object: KubernetesObject) => string) => {
  if (as === undefined) return kind.isCustom ? text : untyped(kind, text)
  if (as !== 'Table')
    return (object) => jsonWithManagers(toPartialObjectMetadata(object, metaVersion))
  const options = { now: nowMs, includeObject: include, apiVersion: metaVersion }
  return (object) => JSON.stringify(toRow(kind, object, options))
}

const shortList = (
  list: ListResult,
  head: Head,
  presentation: Presentation,
  nowMs: number,
): string | Buffer => {
  const { items } = list
  const textOf = itemTextOf(list, presentation, nowMs, passingJsonText)
  const opening = headText(list, head, presentation)
  if (presentation.as === undefined)
    return joined(opening, items, (object) => itemBytes(object, textOf as typeof passingJsonText))
  return `${opening}${items.map(textOf).join(',')}]}`
}

const COMMA = 0x2c

/** A list of items that are there as bytes. */
const joined = (
  opening: string,
  items: readonly KubernetesObject[],
  bytesOf: (object: KubernetesObject) => Buffer,
): Buffer => {
  const parts = items.map(bytesOf)
  let length = Buffer.byteLength(opening) + Math.max(0, items.length - 1) + CLOSING.length
  for (const part of parts) length += part.length
  const whole = Buffer.allocUnsafe(length)
  let at = whole.write(opening)
  for (let index = 0; index < parts.length; index++) {
    if (index > 0) whole[at++] = COMMA
    whole.set(parts[index]!, at)
    at += parts[index]!.length
  }
  whole.write(CLOSING, at)
  return whole
}

const CLOSING = ']}'

/** A list piece by piece, in any text form. */
function* listPieces(
  list: ListResult,
  head: Head,
  presentation: Presentation,
  nowMs: number,
): Generator<string> {
  const { items } = list
  const textOf = itemTextOf(list, presentation, nowMs, passingJsonText)
  if (presentation.syntax === 'yaml') {
    const { key, before, after } = yamlHead(list, head, presentation)
    yield yamlOf(before)
    yield items.length === 0 ? `${key}: []\n` : `${key}:\n`
    for (const item of items) yield yamlOf([JSON.parse(textOf(item))])
    if (after) yield yamlOf(after)
    return
  }
  const opening = headText(list, head, presentation)
  if (!presentation.pretty) {
    yield opening
    for (let at = 0; at < items.length; at++) yield `${at === 0 ? '' : ','}${textOf(items[at]!)}`
    yield ']}'
    return
  }
  const empty = JSON.stringify(JSON.parse(`${opening}]}`), null, 2)
  if (items.length === 0) {
    yield empty
    return
  }
  yield empty.slice(0, -']\n}'.length)
  for (let at = 0; at < items.length; at++) {
    const text = JSON.stringify(JSON.parse(textOf(items[at]!)), null, 2)
    yield `${at === 0 ? '' : ','}\n    ${text.replaceAll('\n', '\n    ')}`
  }
  yield '\n  ]\n}'
}

/** The fields around the items, which Kubernetes' YAML has in alphabetic order. */
const yamlHead = (list: ListResult, head: Head, { as, metaVersion }: Presentation) => {
  if (as === 'Table') {
    const before = tableHead(list.kind, { ...head.metadata, apiVersion: metaVersion })
    return { key: 'rows', before, after: undefined }
  }
  const { apiVersion, kind, metadata } = head
  return { key: 'items', before: { apiVersion }, after: { kind, metadata } }
}

/** Small pieces joined to ones that are worth sending. */
function* gathered(pieces: Iterable<string>): Generator<string> {
  let texts: string[] = []
  let length = 0
  for (const piece of pieces) {
    texts.push(piece)
    length += piece.length
    if (length < PIECE_BYTES) continue
    yield texts.join('')
    texts = []
    length = 0
  }
  if (texts.length > 0) yield texts.join('')
}
