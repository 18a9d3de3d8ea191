/**
 * Content negotiation: what an `Accept` header asks for, as kube-apiserver reads it.
 *
 * Clauses are tried by their quality; one that cannot be served is skipped, however it ranks. Invariant: the
 * answer depends on the header and on what can be served only, so parsed headers are kept, up to a bound.
 */
import { StatusError } from '../../api/status-error.ts'

/** What objects are turned into before they are sent. */
export type Transform = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'

export interface Format {
  syntax: 'json' | 'yaml' | 'protobuf'
  as?: Transform | 'APIGroupDiscoveryList'
  /** The version of `meta.k8s.io` that a transform was asked for in. */
  metaVersion?: 'v1' | 'v1beta1'
  /** The version of `apidiscovery.k8s.io` that a list of groups was asked for in. */
  discovery?: 'v2' | 'v2beta1'
  pretty?: boolean
}

/**
 * What there is to choose from: objects of a built-in kind, such that have no Table (answers to questions), objects
 * of a custom kind, or pages of the site.
 */
export type Offer = 'builtIn' | 'untabled' | 'custom' | 'page'

const JSON_FORMAT: Format = { syntax: 'json' }
const KNOWN_MAX = 500

const known: Readonly<Record<Offer, Map<string, Format | undefined>>> = {
  builtIn: new Map(),
  untabled: new Map(),
  custom: new Map(),
  page: new Map(),
}

/** Throws 406 when nothing that is asked for can be served. A page comes as it is to whoever asks. */
export const formatOf = (accept: string | undefined, offer: Offer): Format => {
  if (accept === undefined || accept === 'application/json' || accept === '*/*' || accept === '')
    return JSON_FORMAT
  const formats = known[offer]
  let format = formats.get(accept)
  if (format === undefined && !formats.has(accept)) {
    format = negotiate(accept, offer)
    if (formats.size < KNOWN_MAX) formats.set(accept, format)
  }
  if (format) return format
  if (offer === 'page') return JSON_FORMAT
  throw notAcceptable([JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE])
}

/** For watches, which have no YAML. Throws 406. */
export const streamFormatOf = (accept: string | undefined, offer: Offer): Format => {
  const format = formatOf(accept, offer)
  if (format.syntax !== 'yaml') return format
  throw notAcceptable([JSON_TYPE, PROTOBUF_TYPE].map((type) => `${type};stream=watch`))
}

const JSON_TYPE = 'application/json'
const YAML_TYPE = 'application/yaml'
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf'

export const contentTypeOf = ({ syntax }: Pick<Format, 'syntax'>): string =>
  syntax === 'json' ? JSON_TYPE : syntax === 'yaml' ? YAML_TYPE : PROTOBUF_TYPE

const notAcceptable = (types: readonly string[]) =>
  new StatusError(
    406,
    'NotAcceptable',
    `only the following media types are accepted: ${types.join(', ')}`,
  )

/** The type among `types` that the header likes best; undefined when it likes none. */
export const preferredType = (
  accept: string | undefined,
  types: readonly string[],
): string | undefined => {
  for (const { type, subtype } of parseClauses(accept || '*/*'))
    for (const each of types) {
      const [ownType, ownSubtype] = each.split('/')
      const isFit =
        (type === ownType || type === '*') && (subtype === ownSubtype || subtype === '*')
      if (isFit) return each
    }
  return undefined
}

interface Clause {
  type: string
  subtype: string
  quality: number
  parameters: ReadonlyMap<string, string>
}

const negotiate = (accept: string, offer: Offer): Format | undefined => {
  for (const clause of parseClauses(accept)) {
    for (const syntax of SYNTAXES) {
      const [type, subtype] = NAMES[syntax]
      const isNamed = clause.type === type && (clause.subtype === subtype || clause.subtype === '*')
      if (!isNamed && !(clause.type === '*' && clause.subtype === '*')) continue
      const format = transformed(syntax, clause.parameters, offer)
      if (format) return format
    }
  }
  return undefined
}

const SYNTAXES = ['json', 'yaml', 'protobuf'] as const
const NAMES = {
  json: ['application', 'json'],
  yaml: ['application', 'yaml'],
  protobuf: ['application', 'vnd.kubernetes.protobuf'],
} as const

/** The format of an acceptable clause; undefined when its parameters ask for what there is not. */
const transformed = (
  syntax: Format['syntax'],
  parameters: Clause['parameters'],
  offer: Offer,
): Format | undefined => {
  const stream = parameters.get('stream')
  const serverVersion = parameters.get('sv')
  if ((stream && stream !== 'watch') || (serverVersion && serverVersion !== 'v1')) return undefined
  const format: Format = { syntax, ...(parameters.get('pretty') === '1' ? { pretty: true } : {}) }
  const isConversion = parameters.has('as') || parameters.has('g') || parameters.has('v')
  if (!isConversion) return syntax === 'protobuf' && speaksNoProtobuf(offer) ? undefined : format
  const as = parameters.get('as')
  const group = parameters.get('g')
  const version = parameters.get('v')
  if (offer === 'page') {
    if (group !== 'apidiscovery.k8s.io' || syntax !== 'json') return undefined
    if (as !== 'APIGroupDiscoveryList' || (version !== 'v2' && version !== 'v2beta1'))
      return undefined
    return { ...format, as, discovery: version }
  }
  if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined
  if (as === 'Table')
    return syntax === 'protobuf' || offer === 'untabled'
      ? undefined
      : { ...format, as, metaVersion: version }
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
    return { ...format, as, metaVersion: version }
  return undefined
}

const speaksNoProtobuf = (offer: Offer): boolean => offer === 'custom' || offer === 'page'

const parseClauses = (accept: string): Clause[] => {
  const clauses: Clause[] = []
  for (const part of accept.split(',')) {
    const [range = '', ...rest] = part.split(';').map((each) => each.trim())
    const [type = '', subtype = type === '*' ? '*' : '', ...more] = range.split('/')
    if (subtype === '' || more.length > 0) continue
    const parameters = new Map<string, string>()
    let quality = 1
    for (const parameter of rest) {
      const [name = '', value = '', ...surplus] = parameter.split('=')
      if (value === '' || surplus.length > 0) continue
      if (name === 'q') quality = Number(value) || 0
      else parameters.set(name.trim(), value.trim())
    }
    clauses.push({ type: type.trim(), subtype: subtype.trim(), quality, parameters })
  }
  /** An insertion sort, as Go's for few clauses: the order below is not transitive, so the way matters. */
  for (let end = 1; end < clauses.length; end++)
    for (let at = end; at > 0 && precedes(clauses[at]!, clauses[at - 1]!); at--) {
      const moved = clauses[at]!
      clauses[at] = clauses[at - 1]!
      clauses[at - 1] = moved
    }
  return clauses
}

const precedes = (one: Clause, other: Clause): boolean =>
  one.quality > other.quality ||
  (one.type !== '*' && other.type === '*') ||
  (one.subtype !== '*' && other.subtype === '*')
