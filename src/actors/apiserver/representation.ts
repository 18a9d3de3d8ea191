/**
 * From a result to the text of an answer: plain, as Table, or as PartialObjectMetadata; JSON or YAML.
 *
 * Invariant: an object's JSON text is made once (see `json-text.ts`), lists only join texts.
 * It decides nothing about the result's content.
 */
import { stringify } from 'yaml'
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { badRequest } from '../../api/status-error.ts'
import { type TableOptions, toPartialObjectMetadata, toTable } from '../../api/table.ts'
import { jsonText } from '../../client/json-text.ts'
import type { Format } from './negotiate.ts'
import type { ApiResult, ListResult } from './request.ts'

/** How objects of an answer or a watch are shown. */
export interface Presentation {
  as: Format['as']
  include: NonNullable<TableOptions['includeObject']>
}

export const presentationOf = (format: Format, query: URLSearchParams): Presentation => {
  if (format.as !== 'Table') return { as: format.as, include: 'Metadata' }
  const include = query.get('includeObject') || 'Metadata'
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object')
    throw badRequest(
      `unrecognized includeObject value ${JSON.stringify(include)}: must be one of None, Metadata, Object`,
    )
  return { as: 'Table', include }
}

export const bodyText = (
  result: ApiResult,
  format: Format,
  query: URLSearchParams,
  nowMs: number,
): string => {
  const text = jsonBody(result, presentationOf(format, query), nowMs)
  if (format.syntax === 'yaml') return stringify(JSON.parse(text), { aliasDuplicateObjects: false })
  return text
}

const jsonBody = (result: ApiResult, presentation: Presentation, nowMs: number): string => {
  switch (result.type) {
    case 'object':
      return objectText(result.kind, result.object, presentation, nowMs)
    case 'document':
      return JSON.stringify(result.document)
    case 'list':
      return listText(result, presentation, nowMs)
  }
}

/** One object as a get or a watch event shows it. */
export const objectText = (
  kind: AnyKind,
  object: KubernetesObject,
  { as, include }: Presentation,
  nowMs: number,
): string => {
  if (as === undefined) return jsonText(object)
  if (as === 'PartialObjectMetadata') return JSON.stringify(toPartialObjectMetadata(object))
  const { resourceVersion } = object.metadata
  return JSON.stringify(
    toTable(kind, [object], { now: nowMs, includeObject: include, resourceVersion }),
  )
}

const listText = (list: ListResult, { as, include }: Presentation, nowMs: number): string => {
  const { kind, items } = list
  const metadata = {
    resourceVersion: String(list.revision),
    ...(list.continue ? { continue: list.continue } : {}),
    ...(list.remaining ? { remainingItemCount: list.remaining } : {}),
  }
  if (as === 'Table')
    return JSON.stringify(toTable(kind, items, { now: nowMs, includeObject: include, ...metadata }))
  const isPartial = as === 'PartialObjectMetadata'
  const name = isPartial ? 'PartialObjectMetadataList' : `${kind.kind}List`
  const version = isPartial ? 'meta.k8s.io/v1' : kind.apiVersion
  const head = `{"kind":"${name}","apiVersion":"${version}","metadata":${JSON.stringify(metadata)},"items":[`
  const texts = new Array<string>(items.length)
  for (let at = 0; at < items.length; at++)
    texts[at] = isPartial
      ? JSON.stringify(toPartialObjectMetadata(items[at]!))
      : jsonText(items[at]!)
  return `${head}${texts.join(',')}]}`
}
