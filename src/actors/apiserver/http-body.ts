/**
 * Request bodies: reads, bounds and parses them.
 *
 * Invariant: never more than BODY_MAX_BYTES are held; what is parsed is plain JSON data. It checks no schema.
 */
import type { IncomingMessage } from 'node:http'
import { parse as parseYaml } from 'yaml'
import { duplicateFields } from '../../api/duplicate-keys.ts'
import type { Json } from '../../api/meta.ts'
import { patchMediaTypes, patchTypeOf } from '../../api/patch/patch.ts'
import { badRequest, tooLarge, unsupportedMediaType } from '../../api/status-error.ts'
import { decodeProtobuf } from './protobuf.ts'
import type { PatchFormat } from './request.ts'

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
  patch?: PatchFormat
  duplicates?: () => readonly string[]
}

const SUPPORTED_PATCHES = patchMediaTypes.join(', ')

/** Throws 400 and 415. An empty body parses to undefined. */
export const parseBody = (
  bytes: Buffer,
  contentType: string | undefined,
  isPatch: boolean,
): ParsedBody => {
  const type = mediaType(contentType)
  if (isPatch) {
    const patch = patchTypeOf(type)
    if (!patch)
      throw unsupportedMediaType(
        `the body of the request was in an unknown format - accepted media types include: ${SUPPORTED_PATCHES}`,
      )
    return { body: parseJson(bytes.toString()), patch }
  }
  if (bytes.length === 0) return { body: undefined }
  if (type === 'application/vnd.kubernetes.protobuf') return { body: decodeProtobuf(bytes) }
  const text = bytes.toString()
  if (type === '' || type === 'application/json') {
    const body = parseJson(text)
    return { body, duplicates: () => duplicateFields(text, body) }
  }
  if (type === 'application/yaml' || type === 'text/yaml' || type === 'application/x-yaml')
    return { body: parseYamlText(text) }
  throw unsupportedMediaType(
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  )
}

const mediaType = (contentType: string | undefined): string => {
  if (contentType === undefined) return ''
  const end = contentType.indexOf(';')
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}

const parseJson = (text: string): Json => {
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be JSON): json parse error: ${(error as Error).message}`,
    )
  }
}

const parseYamlText = (text: string): unknown => {
  try {
    return parseYaml(text, { maxAliasCount: 100, schema: 'core', uniqueKeys: false })
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: ${(error as Error).message}`)
  }
}
