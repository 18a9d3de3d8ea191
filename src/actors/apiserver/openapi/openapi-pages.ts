/**
 * `/openapi/v2` and `/openapi/v3`: documents of built-in kinds from files, of custom and remote ones made anew.
 *
 * Invariant: a document is in memory only while it is sent; what is kept are hashes, until kinds change. Files
 * are sent as they lie, compressed; parts of different origin are joined as members of one gzip stream.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { AnyKind } from '../../../api/kind.ts'
import type { Schema } from '../../../api/openapi/definitions.ts'
import { type Catalogue, publishedFile } from '../../../api/openapi/published.ts'
import type { KindRegistry } from '../../../api/registry.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Page, PageRequest } from '../site.ts'
import type { DocumentParts, RemoteDocuments } from './remote-documents.ts'

export interface OpenApiPagesOptions {
  kinds: KindRegistry
  remote: RemoteDocuments
  clock: Clock
}

const V3 = '/openapi/v3'
const V2 = '/openapi/v2'
const JSON_TYPE = 'application/json'
const PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
/** How the type is written in answers: without the sign that is not allowed there. */
const PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/** How clients have asked for v3 in protobuf, and how the type is written in answers. */
const V3_PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'
const V3_PROTOBUF = [V3_PROTOBUF_TYPE, 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf']

const compress = promisify(gzip)
const FAST = { level: 1 }
const expand = promisify(gunzip)

const documents = () => import('../../../api/openapi/documents.ts')

export class OpenApiPages {
  private readonly kinds: KindRegistry
  private readonly remote: RemoteDocuments
  private readonly clock: Clock
  /** Hashes of documents that are made, by their place. */
  private readonly hashes = new Map<string, string>()

  constructor({ kinds, remote, clock }: OpenApiPagesOptions) {
    this.kinds = kinds
    this.remote = remote
    this.clock = clock
    kinds.onChange(() => this.hashes.clear())
  }

  /** Undefined for what is not served. */
  async page(
    path: string,
    query: URLSearchParams,
    request: PageRequest,
  ): Promise<Page | undefined> {
    if (path === V2) return this.v2(request)
    if (path === V3 || path === `${V3}/`) return this.v3Index(request)
    return path.startsWith(`${V3}/`)
      ? this.v3(path.slice(V3.length + 1), query, request)
      : undefined
  }

  /** Custom kinds by `apis/<group>/<version>`. */
  private custom(): Map<string, AnyKind[]> {
    const groups = new Map<string, AnyKind[]>()
    for (const kind of this.kinds.served) {
      if (!kind.isCustom) continue
      const place = `apis/${kind.apiVersion}`
      groups.set(place, [...(groups.get(place) ?? []), kind])
    }
    return groups
  }

  private async v3Index(request: PageRequest): Promise<Page> {
    const { v3 } = await readCatalogue()
    const hashes = new Map(Object.entries(v3).map(([place, { hash }]) => [place, hash]))
    for (const [place, kinds] of this.custom()) hashes.set(place, await this.v3Hash(place, kinds))
    for (const [place, hash] of await this.remote.hashes())
      if (!hashes.has(place)) hashes.set(place, hash)
    const paths = Object.fromEntries(
      [...hashes].map(([place, hash]) => [
        place,
        { serverRelativeURL: `${V3}/${place}?hash=${hash}` },
      ]),
    )
    return this.whole(JSON.stringify({ paths }), request)
  }

  private async v3(
    place: string,
    query: URLSearchParams,
    request: PageRequest,
  ): Promise<Page | undefined> {
    const builtIn = (await readCatalogue()).v3[place]
    const kinds = this.custom().get(place)
    if (!builtIn && !kinds) return this.remote.document(place)
    const hash = builtIn?.hash ?? (await this.v3Hash(place, kinds!))
    const wanted = request.preferred([JSON_TYPE, ...V3_PROTOBUF])
    if (wanted === undefined) return { code: 406, type: JSON_TYPE, body: '' }
    const isProtobuf = wanted !== JSON_TYPE
    const own = isProtobuf ? hashOf(`${hash} protobuf`) : hash
    const asked = query.get('hash')
    if (asked && asked !== own)
      return {
        code: 301,
        type: 'text/plain; charset=utf-8',
        body: '',
        headers: { Location: `${V3}/${place}?hash=${own}` },
      }
    const headers = { ...tagged(own), ...(asked ? this.forEver() : {}) }
    const type = isProtobuf ? V3_PROTOBUF_TYPE : JSON_TYPE
    if (request.knows(tagOf(own))) return { code: 304, type, body: '', headers }
    if (isProtobuf)
      return { code: 200, type, body: await this.v3Protobuf(builtIn?.file, kinds), headers }
    if (!builtIn) return { code: 200, type, body: await this.customText(kinds!), headers }
    return this.compressed(await readFile(publishedFile(builtIn.file)), type, headers, request)
  }

  private async v3Protobuf(
    file: string | undefined,
    kinds: readonly AnyKind[] | undefined,
  ): Promise<Buffer> {
    const text = file
      ? (await expand(await readFile(publishedFile(file)))).toString()
      : await this.customText(kinds!)
    const { encodeOpenApi } = await import('../../../api/openapi/openapi-protobuf.ts')
    return Buffer.from(encodeOpenApi(JSON.parse(text) as Schema))
  }

  /** What a hash names never changes. */
  private forEver(): Record<string, string> {
    const year = new Date(this.clock.now())
    year.setUTCFullYear(year.getUTCFullYear() + 1)
    return { 'Cache-Control': 'public, immutable', Expires: year.toUTCString() }
  }

  private async v3Hash(place: string, kinds: readonly AnyKind[]): Promise<string> {
    const known = this.hashes.get(place)
    if (known) return known
    const { generation } = this.kinds
    const hash = hashOf(await this.customText(kinds))
    if (generation === this.kinds.generation) this.hashes.set(place, hash)
    return hash
  }

  private async customText(kinds: readonly AnyKind[]): Promise<string> {
    const { customParts, membersText, v3Text } = await documents()
    const { paths, definitions } = customParts('v3', kinds)
    const shared = await expand(await readFile(publishedFile('v3-shared')))
    return v3Text(paths, `${membersText(definitions)},${shared}`)
  }

  private async v2(request: PageRequest): Promise<Page> {
    const isProtobuf = request.accepts(PROTOBUF)
    const hash = await this.v2Hash()
    const tag = tagOf(isProtobuf ? hashOf(`${hash} protobuf`) : hash)
    const headers = { ETag: tag, Vary: 'Accept' }
    const type = isProtobuf ? PROTOBUF_TYPE : JSON_TYPE
    if (request.knows(tag)) return { code: 304, type, body: '', headers }
    const body = isProtobuf ? await this.v2Protobuf() : await this.v2Json()
    return this.compressed(body, type, headers, request)
  }

  private async v2Hash(): Promise<string> {
    const { generation } = this.kinds
    const known = this.hashes.get(V2)
    const remote = await this.remote.hashes()
    const remoteText = remote.size === 0 ? '' : JSON.stringify([...remote])
    const own = known ?? (await this.ownV2Hash())
    if (generation === this.kinds.generation) this.hashes.set(V2, own)
    return remoteText === '' ? own : hashOf(own + remoteText)
  }

  private async ownV2Hash(): Promise<string> {
    const { v2 } = await readCatalogue()
    if (this.custom().size === 0) return v2
    const hash = createHash('sha512').update(v2)
    for await (const part of this.v2Parts()) hash.update(JSON.stringify(part))
    return hash.digest('hex').toUpperCase()
  }

  /** What custom kinds and other servers add; other requests get their turn between two parts. */
  private async *v2Parts(): AsyncGenerator<DocumentParts> {
    const groups = this.custom()
    const { customParts } = await documents()
    for (const kinds of groups.values()) {
      yield customParts('v2', kinds)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const remote = await this.remote.swagger()
    if (remote) yield remote
  }

  private async v2Json(): Promise<Buffer> {
    const { membersText, V2_FRAME } = await documents()
    let paths = ''
    let definitions = ''
    for await (const part of this.v2Parts()) {
      paths += following(membersText(part.paths))
      definitions += following(membersText(part.definitions))
    }
    return Buffer.concat([
      await compress(V2_FRAME.head),
      await readFile(publishedFile('v2-paths')),
      await compress(paths + V2_FRAME.middle, FAST),
      await readFile(publishedFile('v2-definitions')),
      await compress(definitions + V2_FRAME.tail, FAST),
    ])
  }

  private async v2Protobuf(): Promise<Buffer> {
    const parts = [await readFile(publishedFile('v2-protobuf'))]
    const { encodeSwagger } = await import('../../../api/openapi/swagger-protobuf.ts')
    for await (const part of this.v2Parts())
      parts.push(await compress(encodeSwagger(part, false), FAST))
    return Buffer.concat(parts)
  }

  /** `bytes` are compressed; who does not take that gets them expanded. */
  private async compressed(
    bytes: Buffer,
    type: string,
    headers: Record<string, string>,
    { acceptsGzip }: PageRequest,
  ): Promise<Page> {
    if (!acceptsGzip) return { code: 200, type, body: await expand(bytes), headers }
    return { code: 200, type, body: bytes, encoding: 'gzip', headers }
  }

  private whole(text: string, request: PageRequest): Page {
    const headers = tagged(hashOf(text))
    const isKnown = request.knows(headers.ETag)
    return { code: isKnown ? 304 : 200, type: JSON_TYPE, body: isKnown ? '' : text, headers }
  }
}

/** Members of an object behind others. */
const following = (members: string): string => (members === '' ? '' : `,${members}`)

const readCatalogue = async (): Promise<Catalogue> =>
  JSON.parse((await expand(await readFile(publishedFile('catalogue')))).toString()) as Catalogue

const hashOf = (text: string): string =>
  createHash('sha512').update(text).digest('hex').toUpperCase()

const tagOf = (hash: string): string => `"${hash}"`

const tagged = (hash: string) => ({ ETag: tagOf(hash), Vary: 'Accept' })
