/**
 * Everything the HTTPS door serves besides resources: health, version, discovery, OpenAPI, metrics.
 *
 * Invariant: what depends on the kinds is made once for each set of them. It answers GET only.
 */

import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { KindRegistry } from '../../api/registry.ts'
import type { Clock } from '../../std/clock.ts'
import { KUBERNETES_VERSION } from '../../std/version.ts'
import type { RemoteVersion } from './aggregation/remote-version.ts'
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  type Served,
} from './discovery.ts'
import type { Health } from './health.ts'
import { formatOf, preferredType } from './negotiate.ts'
import { OpenApiPages } from './openapi/openapi-pages.ts'
import type { RemoteDocuments } from './openapi/remote-documents.ts'

export interface Page {
  code: number
  type: string
  body: string | Buffer
  /** What the body is compressed with already. */
  encoding?: 'gzip'
  headers?: Record<string, string>
}

/** What of a request's headers decides about a page. */
export interface PageRequest {
  /** Whether the media type is named as acceptable. */
  accepts(type: string): boolean
  /** Which of the types it likes best; undefined when none. */
  preferred(types: readonly string[]): string | undefined
  acceptsGzip: boolean
  /** Whether the client has what the tag names. */
  knows(tag: string): boolean
}

/** Groups and versions that other servers serve; `onChange` is called when they change. */
export interface RemoteVersions {
  list(): readonly RemoteVersion[]
  onChange(listener: () => void): void
}

export interface SiteOptions {
  /** `host:port` that clients reach the API under. */
  serverAddress: string
  kinds: KindRegistry
  /** The version of this program, e.g. `0.1.0`. */
  version: string
  health: Health
  clock: Clock
  metrics(): string
  remote: RemoteVersions
  remoteDocuments: RemoteDocuments
  /** Further documents by path, made whenever one is asked for, which anybody may keep for an hour. */
  documents: Readonly<Record<string, { type: string; make(): object }>>
}

const JSON_TYPE = 'application/json'
const discoveryType = (version: string) =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`

export type Site = (
  path: string,
  query: URLSearchParams,
  headers: IncomingHttpHeaders,
) => Page | undefined | Promise<Page | undefined>

export const createSite = (options: SiteOptions): Site => {
  const { kinds, remote } = options
  const openApi = new OpenApiPages({ kinds, remote: options.remoteDocuments, clock: options.clock })
  const memo = new Map<string, Page | undefined>()
  kinds.onChange(() => memo.clear())
  remote.onChange(() => memo.clear())
  const once: Once = (key, make, type = JSON_TYPE) => {
    if (!memo.has(key)) {
      const document = make()
      memo.set(key, document && { code: 200, type, body: JSON.stringify(document) })
    }
    return memo.get(key)
  }
  const served = () => ({ kinds, remote: remote.list() })
  return (path, query, headers) => {
    switch (path) {
      case '/metrics':
        return { code: 200, type: 'text/plain; version=0.0.4', body: options.metrics() }
      case '/version':
        return once(path, () => versionInfo(options.version))
      case '/':
        return once(path, () => ({ paths: pathsOf(kinds, options.health) }))
      case '/api':
      case '/apis':
      case '/api/':
      case '/apis/':
        return groups(
          path.slice(0, path === '/api/' || path === '/apis/' ? -1 : undefined),
          headers,
        )
      default:
        if (path.startsWith('/openapi/')) return openApi.page(path, query, pageRequest(headers))
        if (Object.hasOwn(options.documents, path)) {
          const { type, make } = options.documents[path]!
          const headers = { 'Cache-Control': 'public, max-age=3600' }
          return { code: 200, type, body: JSON.stringify(make()), headers }
        }
        return options.health.page(path, query) ?? discovered(path, once, served())
    }
  }
  function groups(path: string, headers: IncomingHttpHeaders): Page | undefined {
    const { as, discovery } = formatOf(headers.accept, 'page')
    if (as !== 'APIGroupDiscoveryList' || !discovery)
      return once(path, () =>
        path === '/api' ? apiVersions(options.serverAddress) : apiGroupList(served()),
      )
    const of = path === '/api' ? 'core' : 'rest'
    const make = () => aggregatedDiscovery(served(), of, discovery)
    return tagged(once(`${path} ${discovery}`, make, discoveryType(discovery)), headers)
  }
}

/** With an ETag; not sent again to who has it. */
const tagged = (page: Page | undefined, headers: IncomingHttpHeaders): Page | undefined => {
  if (!page) return undefined
  if (!page.headers) {
    const hash = createHash('sha512').update(page.body).digest('hex').toUpperCase()
    page.headers = { ETag: `"${hash}"`, Vary: 'Accept' }
  }
  return pageRequest(headers).knows(page.headers['ETag']!) ? { ...page, code: 304, body: '' } : page
}

const pageRequest = (headers: IncomingHttpHeaders): PageRequest => ({
  accepts: (type) =>
    (headers.accept ?? '').split(',').some((clause) => clause.split(';')[0]!.trim() === type),
  preferred: (types) => preferredType(headers.accept, types),
  acceptsGzip: String(headers['accept-encoding'] ?? '').includes('gzip'),
  knows: (tag) => headers['if-none-match'] === tag,
})

const pathsOf = (kinds: KindRegistry, health: Health): string[] => {
  const versions = new Set(kinds.served.map(({ group, apiVersion }) => group && apiVersion))
  versions.delete('')
  const groups = new Set([...versions].map((version) => version.slice(0, version.indexOf('/'))))
  return [
    ...PATHS,
    ...health.paths,
    ...[...groups, ...versions].map((each) => `/apis/${each}`),
  ].sort()
}

const PATHS = [
  '/.well-known/openid-configuration',
  '/api',
  '/api/v1',
  '/apis',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/version',
]

type Once = (key: string, make: () => object | undefined, type?: string) => Page | undefined

const discovered = (path: string, once: Once, served: Served): Page | undefined => {
  const parts = path.split('/')
  if (parts[parts.length - 1] === '') parts.pop()
  const [, root, second, third, ...rest] = parts
  const { kinds } = served
  if (root === 'api' && second === 'v1' && third === undefined)
    return once('/api/v1', () => apiResourceList(kinds, '', 'v1'))
  if (root === 'apis' && second && third === undefined)
    return (
      known(apiGroup(served, second)) && once(`/apis/${second}`, () => apiGroup(served, second))
    )
  if (root === 'apis' && second && third && rest.length === 0)
    return (
      known(apiResourceList(kinds, second, third)) &&
      once(`/apis/${second}/${third}`, () => apiResourceList(kinds, second, third))
    )
  return undefined
}

/** Keeps unknown paths, which anybody may ask for, out of the memo. */
const known = (document: object | undefined): true | undefined => (document ? true : undefined)

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
