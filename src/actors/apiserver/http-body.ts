/**
 * Request bodies: reads, bounds and parses them.
 *
 * Invariant: never more than BODY_MAX_BYTES are held; what is parsed is plain JSON data. It checks no schema.
 */
import type { IncomingMessage } from 'node:http'
import { acceptedPatches, patchTypeOf } from '../../api/patch/patch.ts'
import { badRequest, StatusError, tooLarge, unsupportedMediaType } from '../../api/status-error.ts'
import { parseJsonText, parsePatchText, parseYamlText } from './body-text.ts'
import { subresourcesOf } from './discovered-verbs.ts'
import { mediaTypeOf } from './media-type.ts'
import type { ApiRequest } from './request.ts'

/** Kubernetes' limit of a request body. */
const BODY_MAX_BYTES = 3 * 1024 * 1024

export const readBody = (request: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const tooBig = () => tooLarge(`Request entity too large: limit is ${BODY_MAX_BYTES}`)
    if (Number(request.headers['content-length'] ?? 0) > BODY_MAX_BYTES) {
      request.resume()
      return reject(tooBig())
    }
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= BODY_MAX_BYTES) chunks.push(chunk)
      else {
        chunks.length = 0
        reject(tooBig())
      }
    })
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    request.on('error', reject)
    request.on('aborted', () => reject(badRequest('the request was aborted')))
  })

export interface ParsedBody {
  body: unknown
  patch?: ApiRequest['patch']
  duplicates?: () => readonly string[]
  inOrder?: (unknownFields: readonly string[]) => readonly string[]
  isYaml?: boolean
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf'

/** Throws 400 and 415. An empty body parses to undefined. A promise only for protobuf, which few speak. */
export const parseBody = (
  bytes: Buffer,
  contentType: string | undefined,
  request: ApiRequest,
): ParsedBody | Promise<ParsedBody> => {
  if (request.verb === 'patch') {
    const patch = patchFormat(contentType, request)
    return { ...parsePatchText(bytes.toString(), patch), patch }
  }
  if (bytes.length === 0) return { body: undefined }
  const type = mediaTypeOf(contentType)
  if (type === PROTOBUF && speaksProtobuf(request))
    return import('./protobuf.ts').then(({ decodeProtobuf }) => ({ body: decodeProtobuf(bytes) }))
  const text = bytes.toString()
  if (type === '' || type === 'application/json')
    return parseJsonText(text, () => kindOfBody(request))
  if (type === 'application/yaml') return parseYamlText(text)
  const types = ['application/json', 'application/yaml']
  throw unknownFormat(type === PROTOBUF ? types : [...types, PROTOBUF])
}

/** Custom objects have no protobuf; how to delete them, and their scale, has. */
const speaksProtobuf = ({ verb, kind, subresource }: ApiRequest): boolean =>
  !kind.isCustom || verb === 'delete' || verb === 'deletecollection' || subresource === 'scale'

const unknownFormat = (accepted: readonly string[]) =>
  unsupportedMediaType(
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  )

/** Patches are told by the very letters before a semicolon. A built-in kind's are routed by them. Throws 415. */
const patchFormat = (
  contentType: string | undefined,
  { kind }: ApiRequest,
): NonNullable<ApiRequest['patch']> => {
  const end = contentType?.indexOf(';') ?? -1
  const type = (end < 0 ? contentType : contentType?.slice(0, end)) ?? ''
  const format = patchTypeOf(type)
  if (format && !(kind.isCustom && format === 'strategic')) return format
  const accepted = acceptedPatches(kind.isCustom === true)
  if (kind.isCustom || accepted.includes(type.trim())) throw unknownFormat(accepted)
  throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
}

const kindOfBody = ({ verb, kind, subresource }: ApiRequest): string => {
  if (verb === 'delete' || verb === 'deletecollection') return 'DeleteOptions'
  const part = subresourcesOf(kind).find(({ name }) => name === subresource)
  return part?.kind ?? kind.kind
}
