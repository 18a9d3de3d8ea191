/**
 * Everything the HTTPS door serves besides resources: health, version, discovery, OpenAPI, metrics.
 *
 * Invariant: what depends on the kinds is made once for each set of them. It answers GET only.
 */

import { type OpenApiDocument, openApiDocuments } from '../../api/openapi/documents.ts'
import type { KindRegistry } from '../../api/registry.ts'
import { KUBERNETES_VERSION } from '../../std/version.ts'
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
} from './discovery.ts'
import type { Format } from './negotiate.ts'

export interface Page {
  code: number
  type: string
  text: string
  headers?: Record<string, string>
}

export interface Check {
  name: string
  /** Undefined when all is well, otherwise what is not. */
  fault(): string | undefined
}

export interface SiteOptions {
  /** `host:port` that clients reach the API under. */
  serverAddress: string
  kinds: KindRegistry
  /** The version of this program, e.g. `0.1.0`. */
  version: string
  checks: readonly Check[]
  metrics(): string
  /** Further documents by path. */
  documents: Readonly<Record<string, { type: string; make(): object }>>
}

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain; charset=utf-8'
const DISCOVERY_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

export type Site = (path: string, query: URLSearchParams, format: Format) => Page | undefined

export const createSite = (options: SiteOptions): Site => {
  const { kinds } = options
  const documents = openApiDocuments(kinds.served.filter(({ schema }) => !schema))
  const memo = new Map<string, Page | undefined>()
  kinds.onChange(() => memo.clear())
  const once = (
    key: string,
    make: () => object | undefined,
    type = JSON_TYPE,
  ): Page | undefined => {
    if (!memo.has(key)) {
      const document = make()
      memo.set(key, document && { code: 200, type, text: JSON.stringify(document) })
    }
    return memo.get(key)
  }
  return (path, query, format) => {
    switch (path) {
      case '/healthz':
      case '/livez':
        return health(path, query, [])
      case '/readyz':
        return health(path, query, options.checks)
      case '/metrics':
        return { code: 200, type: 'text/plain; version=0.0.4', text: options.metrics() }
      case '/version':
        return once(path, () => versionInfo(options.version))
      case '/':
        return once(path, () => ({ paths: PATHS }))
      case '/openapi/v2':
        return openApi(documents.v2())
      case '/openapi/v3':
        return openApi(documents.v3Index())
      case '/api':
      case '/apis':
        if (format.as === 'APIGroupDiscoveryList') {
          const of = path === '/api' ? 'core' : 'rest'
          return once(`${path}+aggregated`, () => aggregatedDiscovery(kinds, of), DISCOVERY_TYPE)
        }
        return once(path, () =>
          path === '/api' ? apiVersions(options.serverAddress) : apiGroupList(kinds),
        )
      default:
        if (Object.hasOwn(options.documents, path)) {
          const { type, make } = options.documents[path]!
          return once(path, make, type)
        }
        if (path.startsWith(OPENAPI_V3)) return openApi(documents.v3(path.slice(OPENAPI_V3.length)))
        return discovered(path, once, kinds)
    }
  }
}

const PATHS = [
  '/.well-known/openid-configuration',
  '/api',
  '/api/v1',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
]

type Once = (key: string, make: () => object | undefined) => Page | undefined

const discovered = (path: string, once: Once, kinds: KindRegistry): Page | undefined => {
  const parts = path.split('/')
  if (parts[parts.length - 1] === '') parts.pop()
  const [, root, second, third, ...rest] = parts
  if (root === 'api' && second === 'v1' && third === undefined)
    return once('/api/v1', () => apiResourceList(kinds, '', 'v1'))
  if (root === 'apis' && second && third === undefined)
    return known(apiGroup(kinds, second)) && once(`/apis/${second}`, () => apiGroup(kinds, second))
  if (root === 'apis' && second && third && rest.length === 0)
    return (
      known(apiResourceList(kinds, second, third)) &&
      once(`/apis/${second}/${third}`, () => apiResourceList(kinds, second, third))
    )
  return undefined
}

const OPENAPI_V3 = '/openapi/v3/'

const openApi = (document: OpenApiDocument | undefined): Page | undefined =>
  document && {
    code: 200,
    type: JSON_TYPE,
    text: document.text,
    headers: { ETag: `"${document.hash}"`, Vary: 'Accept' },
  }

/** Keeps unknown paths, which anybody may ask for, out of the memo. */
const known = (document: object | undefined): true | undefined => (document ? true : undefined)

const health = (path: string, query: URLSearchParams, checks: readonly Check[]): Page => {
  const all: readonly Check[] = [{ name: 'ping', fault: () => undefined }, ...checks]
  const results = all.map(({ name, fault }) => ({ name, fault: fault() }))
  const isWell = results.every(({ fault }) => fault === undefined)
  if (isWell && !query.has('verbose')) return { code: 200, type: TEXT_TYPE, text: 'ok' }
  const lines = results.map(({ name, fault }) =>
    fault === undefined ? `[+]${name} ok` : `[-]${name} failed: ${fault}`,
  )
  const verdict = `${path.slice(1)} check ${isWell ? 'passed' : 'failed'}`
  return {
    code: isWell ? 200 : 500,
    type: TEXT_TYPE,
    text: `${[...lines, verdict].join('\n')}\n`,
  }
}

const versionInfo = (version: string): object => ({
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: `${KUBERNETES_VERSION}+kubus-${version}`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: process.version,
  compiler: 'node',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
})
