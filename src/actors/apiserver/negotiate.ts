/**
 * Content negotiation: what an `Accept` header asks for.
 *
 * Invariant: an answer is JSON or YAML; protobuf is never offered. Headers repeat, so the parsed ones are
 * kept, up to a bound.
 */
import { StatusError } from '../../api/status-error.ts'

/** A document's form; `as` is what the objects are turned into. */
export interface Format {
  syntax: 'json' | 'yaml'
  as?: 'Table' | 'PartialObjectMetadata' | 'APIGroupDiscoveryList'
}

const JSON_FORMAT: Format = { syntax: 'json' }
const YAML_FORMAT: Format = { syntax: 'yaml' }
const KNOWN_MAX = 500

const known = new Map<string, Format | undefined>()

/** Throws 406 when nothing that is asked for can be served. */
export const formatOf = (accept: string | undefined): Format => {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return JSON_FORMAT
  let format = known.get(accept)
  if (format === undefined && !known.has(accept)) {
    format = parseAccept(accept)
    if (known.size < KNOWN_MAX) known.set(accept, format)
  }
  if (format) return format
  throw new StatusError(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml',
  )
}

const parseAccept = (accept: string): Format | undefined => {
  for (const clause of accept.split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim())
    const format = clauseFormat(type.toLowerCase(), new Map(parameters.map(pairOf)))
    if (format) return format
  }
  return undefined
}

const pairOf = (parameter: string): [string, string] => {
  const at = parameter.indexOf('=')
  return at < 0 ? [parameter, ''] : [parameter.slice(0, at).trim(), parameter.slice(at + 1).trim()]
}

const clauseFormat = (type: string, parameters: Map<string, string>): Format | undefined => {
  const as = parameters.get('as')
  if (as !== undefined) {
    if (type !== 'application/json') return undefined
    const group = parameters.get('g')
    const version = parameters.get('v')
    if (group === 'meta.k8s.io' && version === 'v1') {
      if (as === 'Table') return TABLE
      if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return PARTIAL
    }
    if (group === 'apidiscovery.k8s.io' && version === 'v2' && as === 'APIGroupDiscoveryList')
      return DISCOVERY
    return undefined
  }
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return JSON_FORMAT
  if (type === 'application/yaml' || type === 'text/yaml' || type === 'application/x-yaml')
    return YAML_FORMAT
  return undefined
}

const TABLE: Format = { syntax: 'json', as: 'Table' }
const PARTIAL: Format = { syntax: 'json', as: 'PartialObjectMetadata' }
const DISCOVERY: Format = { syntax: 'json', as: 'APIGroupDiscoveryList' }
