/**
 * OpenAPI documents of servers behind this one: asked for when somebody asks here.
 *
 * Indexes are kept for a minute, documents never. A server that does not answer has none.
 */
import type { Schema } from '../../../api/openapi/definitions.ts'
import type { Clock } from '../../../std/clock.ts'
import type { RemoteDocuments } from '../openapi/remote-documents.ts'
import type { Page } from '../site.ts'
import { AGGREGATOR, type Aggregator } from './aggregator.ts'
import type { ExtensionServer } from './extension-server.ts'

const TIMEOUT_MS = 5000
const KEPT_MS = 60_000
const JSON_TYPE = 'application/json'

interface Index {
  at: number
  hashes: ReadonlyMap<string, { hash: string; url: string }>
}

interface Swagger {
  paths?: Schema
  definitions?: Schema
}

export class ExtensionDocuments implements RemoteDocuments {
  private readonly aggregator: Aggregator
  private readonly clock: Clock
  private readonly indexes = new WeakMap<ExtensionServer, Promise<Index>>()

  constructor(aggregator: Aggregator, clock: Clock) {
    this.aggregator = aggregator
    this.clock = clock
  }

  async hashes(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    if (this.aggregator.isIdle) return found
    for (const server of this.aggregator.available()) {
      const place = placeOf(server)
      const entry = (await this.index(server)).hashes.get(place)
      if (entry) found.set(place, entry.hash)
    }
    return found
  }

  async document(place: string): Promise<Page | undefined> {
    const server = this.aggregator.serverOf(`/${place}`)
    const entry = server && (await this.index(server)).hashes.get(place)
    if (!server || !entry) return undefined
    const reply = await server
      .get(entry.url, AGGREGATOR, JSON_TYPE, TIMEOUT_MS)
      .catch(() => undefined)
    if (reply?.code !== 200) return undefined
    const headers = { ETag: `"${entry.hash}"`, Vary: 'Accept' }
    return { code: 200, type: JSON_TYPE, body: reply.body, headers }
  }

  async swagger(): Promise<{ paths: Schema; definitions: Schema } | undefined> {
    if (this.aggregator.isIdle) return undefined
    const all = { paths: {} as Schema, definitions: {} as Schema }
    for (const server of this.aggregator.available()) {
      const { paths = {}, definitions = {} } = await swaggerOf(server)
      const own = `/${placeOf(server)}`
      for (const [path, item] of Object.entries(paths))
        if (path === own || path.startsWith(`${own}/`)) all.paths[path] = item
      for (const [name, schema] of Object.entries(definitions))
        if (!name.startsWith('io.k8s.apimachinery.')) all.definitions[name] ??= schema
    }
    return Object.keys(all.paths).length > 0 ? all : undefined
  }

  private index(server: ExtensionServer): Promise<Index> {
    const known = this.indexes.get(server)
    const fresh = async (): Promise<Index> => ({
      at: this.clock.now(),
      hashes: await readIndex(server),
    })
    const asked = (known ?? fresh()).then((index) =>
      this.clock.now() - index.at < KEPT_MS ? index : fresh(),
    )
    this.indexes.set(server, asked)
    return asked
  }
}

const placeOf = ({ group, version }: ExtensionServer): string => `apis/${group}/${version}`

const readIndex = async (server: ExtensionServer): Promise<Index['hashes']> => {
  try {
    const reply = await server.get('/openapi/v3', AGGREGATOR, JSON_TYPE, TIMEOUT_MS)
    const { paths = {} } = JSON.parse(reply.body.toString()) as {
      paths?: Record<string, { serverRelativeURL?: string }>
    }
    return new Map(
      Object.entries(paths).flatMap(([place, { serverRelativeURL: url }]) => {
        const hash = /[?&]hash=([^&]*)/.exec(url ?? '')?.[1]
        return url?.startsWith('/openapi/v3/') ? [[place, { hash: hash ?? '', url }] as const] : []
      }),
    )
  } catch {
    return new Map()
  }
}

const swaggerOf = async (server: ExtensionServer): Promise<Swagger> => {
  try {
    const reply = await server.get('/openapi/v2', AGGREGATOR, JSON_TYPE, TIMEOUT_MS)
    return JSON.parse(reply.body.toString()) as Swagger
  } catch {
    return {}
  }
}
