/**
 * `ListOptions`: the query of a list or a watch, read and checked as Kubernetes does
 * (`apimachinery/pkg/apis/meta/internalversion/validation`). Pure; selectors are `selection.ts`.
 */
import { badRequest, type FieldError, forbiddenField, invalid } from '../../api/status-error.ts'
import { flag } from './request.ts'

export interface ListOptions {
  /** 0: all. */
  limit: number
  continue: string
  resourceVersion: string
  match: '' | 'Exact' | 'NotOlderThan'
  /** 0: the server's own choice. */
  timeoutSeconds: number
  allowWatchBookmarks: boolean
  sendInitialEvents: boolean
}

const PLAIN: ListOptions = {
  limit: 0,
  continue: '',
  resourceVersion: '',
  match: '',
  timeoutSeconds: 0,
  allowWatchBookmarks: false,
  sendInitialEvents: false,
}

/** Throws 400 for what is no number, 422 for options that contradict each other. */
export const listOptions = (query: URLSearchParams): ListOptions => {
  if (query.size === 0) return PLAIN
  const options = read(query)
  const { match } = options
  const errors: FieldError[] = []
  if (match) {
    if (!options.resourceVersion)
      errors.push(forbiddenMatch('is forbidden unless resourceVersion is provided'))
    if (options.continue) errors.push(forbiddenMatch('is forbidden when continue is provided'))
    if (match !== 'Exact' && match !== 'NotOlderThan')
      errors.push(unknownMatch(match, '"Exact", "NotOlderThan", ""'))
    if (match === 'Exact' && options.resourceVersion === '0')
      errors.push(forbiddenMatch('"exact" is forbidden for resourceVersion "0"'))
  }
  if (query.has('sendInitialEvents'))
    errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  refuse(errors)
  return options
}

/** The same for a watch. */
export const watchOptions = (query: URLSearchParams): ListOptions => {
  const options = read(query)
  const { match, resourceVersion } = options
  const isStated = query.has('sendInitialEvents')
  /** The way of old: whoever names no revision gets the state first. */
  if (!isStated && !match && (resourceVersion === '' || resourceVersion === '0'))
    return { ...options, sendInitialEvents: true, match: 'NotOlderThan' }
  const errors: FieldError[] = []
  if (isStated && match !== 'NotOlderThan')
    errors.push(
      forbiddenField(
        'resourceVersionMatch',
        'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      ),
    )
  if (match) {
    if (!isStated)
      errors.push(forbiddenMatch('is forbidden for watch unless sendInitialEvents is provided'))
    if (match !== 'NotOlderThan') errors.push(unknownMatch(match, '"NotOlderThan"'))
    if (options.continue) errors.push(forbiddenMatch('is forbidden when continue is provided'))
  }
  refuse(errors)
  return options
}

const read = (query: URLSearchParams): ListOptions => ({
  limit: Math.max(0, integer(query, 'limit')),
  continue: query.get('continue') ?? '',
  resourceVersion: query.get('resourceVersion') ?? '',
  match: (query.get('resourceVersionMatch') ?? '') as ListOptions['match'],
  timeoutSeconds: integer(query, 'timeoutSeconds'),
  allowWatchBookmarks: flag(query, 'allowWatchBookmarks'),
  sendInitialEvents: flag(query, 'sendInitialEvents'),
})

const integer = (query: URLSearchParams, name: string): number => {
  const text = query.get(name)
  if (text === null) return 0
  const why = !/^[+-]?\d+$/.test(text)
    ? 'invalid syntax'
    : BigInt.asIntN(64, BigInt(text.replace('+', ''))) === BigInt(text.replace('+', ''))
      ? undefined
      : 'value out of range'
  if (why) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`)
  return Number(text)
}

const forbiddenMatch = (why: string): FieldError =>
  forbiddenField('resourceVersionMatch', `resourceVersionMatch ${why}`)

const unknownMatch = (match: string, supported: string): FieldError => ({
  reason: 'FieldValueNotSupported',
  field: 'resourceVersionMatch',
  message: `Unsupported value: ${JSON.stringify(match)}: supported values: ${supported}`,
})

const refuse = (errors: readonly FieldError[]): void => {
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors)
}
