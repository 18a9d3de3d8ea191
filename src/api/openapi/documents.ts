/**
 * The OpenAPI documents: v2 whole, v3 one per group and version, and the index of the latter.
 *
 * Each is built when it is first asked for and kept serialized. Clients cache by the hash, which is that of the
 * text. Both dialects are written from the same operations and definitions.
 */

import readDescriptions from 'kubus:schema-descriptions'
import { createHash } from 'node:crypto'
import { KUBERNETES_VERSION } from '../../std/version.ts'
import type { AnyKind } from '../kind.ts'
import type { Json } from '../meta.ts'
import { patchMediaTypes } from '../patch/patch.ts'
import { definitionName, definitionNames } from './definition-names.ts'
import {
  type DefinitionSource,
  type Dialect,
  definitionsOf,
  reference,
  type Schema,
} from './definitions.ts'
import { type Operation, type Parameter, type Path, pathsOf } from './operations.ts'

export interface OpenApiDocument {
  /** JSON. */
  text: string
  /** Upper-case SHA-512 of the text, as Kubernetes gives it in ETag and `?hash=`. */
  hash: string
}

export interface OpenApiDocuments {
  /** `/openapi/v2`. */
  v2(): OpenApiDocument
  /** `/openapi/v3`: where each group and version is. */
  v3Index(): OpenApiDocument
  /** `/openapi/v3/<path>`, e.g. `api/v1` or `apis/apps/v1`; undefined for what is not served. */
  v3(groupVersion: string): OpenApiDocument | undefined
}

export const openApiDocuments = (kinds: readonly AnyKind[]): OpenApiDocuments => {
  const memo = new Map<string, OpenApiDocument>()
  const once = (key: string, make: () => Schema): OpenApiDocument => {
    const known = memo.get(key)
    if (known) return known
    const text = JSON.stringify(make())
    const hash = createHash('sha512').update(text).digest('hex').toUpperCase()
    const made = { text, hash }
    memo.set(key, made)
    return made
  }
  const groups = new Map<string, AnyKind[]>()
  for (const kind of kinds) {
    const key = kind.group ? `apis/${kind.apiVersion}` : `api/${kind.apiVersion}`
    groups.set(key, [...(groups.get(key) ?? []), kind])
  }
  const v3 = (groupVersion: string) => {
    const members = groups.get(groupVersion)
    return members && once(groupVersion, () => writeV3(sourceOf('v3', kinds), members))
  }
  return {
    v2: () => once('v2', () => writeV2(sourceOf('v2', kinds))),
    v3,
    v3Index: () =>
      once('v3', () => ({
        paths: Object.fromEntries(
          [...groups.keys()].map((groupVersion) => [
            groupVersion,
            { serverRelativeURL: `/openapi/v3/${groupVersion}?hash=${v3(groupVersion)?.hash}` },
          ]),
        ),
      })),
  }
}

const sourceOf = (dialect: Dialect, kinds: readonly AnyKind[]): DefinitionSource => ({
  dialect,
  kinds,
  names: definitionNames(kinds),
  descriptions: readDescriptions(),
})

const writeV2 = (source: DefinitionSource): Schema => {
  const paths = source.kinds.flatMap(pathsOf)
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: KUBERNETES_VERSION },
    paths: writePaths(paths, (path) => ({
      ...writeOperations(source, path),
      parameters: path.parameters.map((parameter) => v2Parameter(parameter)),
    })),
    definitions: definitionsOf(source, modelsOf(paths, source.kinds)),
    securityDefinitions: {
      BearerToken: {
        description: 'Bearer Token authentication',
        type: 'apiKey',
        name: 'authorization',
        in: 'header',
      },
    },
    security: [{ BearerToken: [] }],
  }
}

const writeV3 = (source: DefinitionSource, kinds: readonly AnyKind[]): Schema => {
  const paths = kinds.flatMap(pathsOf)
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: KUBERNETES_VERSION },
    paths: writePaths(paths, (path) => ({
      ...writeOperations(source, path),
      parameters: path.parameters.map((parameter) => v3Parameter(parameter)),
    })),
    components: {
      schemas: definitionsOf(source, modelsOf(paths, kinds)),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          description: 'Bearer Token authentication',
          name: 'authorization',
          in: 'header',
        },
      },
    },
  }
}

const writePaths = (paths: readonly Path[], write: (path: Path) => Schema): Schema =>
  Object.fromEntries(
    [...paths]
      .sort((one, other) => (one.path < other.path ? -1 : 1))
      .map((path) => [path.path, write(path)]),
  )

/** Every model the operations name; `patch` is a body without one. */
const modelsOf = (paths: readonly Path[], kinds: readonly AnyKind[]): string[] => [
  ...new Set([
    ...kinds.flatMap(({ model, isVirtual }) => (isVirtual ? [model] : [model, `${model}List`])),
    ...paths
      .flatMap(({ operations }) => operations)
      .flatMap(({ body, answer }) => [body, answer])
      .filter((model): model is string => model !== undefined && model !== 'patch'),
  ]),
]

const writeOperations = (source: DefinitionSource, path: Path): Schema =>
  Object.fromEntries(
    path.operations.map((operation) => [
      operation.method,
      source.dialect === 'v2' ? v2Operation(source, operation) : v3Operation(source, operation),
    ]),
  )

const shared = (operation: Operation): Schema => ({
  description: operation.description,
  operationId: operation.id,
  tags: [operation.tag],
  'x-kubernetes-action': operation.action,
  'x-kubernetes-group-version-kind': { ...operation.groupVersionKind },
})

const refer = (source: DefinitionSource, model: string): Schema =>
  model === 'patch'
    ? { description: 'A patch in the format that Content-Type names.', type: 'object' }
    : reference(source.dialect, definitionName(source.names, model))

const v2Parameter = ({ name, in: place, type, description }: Parameter): Schema => ({
  name,
  in: place,
  type,
  uniqueItems: true,
  description,
  ...(place === 'path' ? { required: true } : {}),
})

const v3Parameter = ({ name, in: place, type, description }: Parameter): Schema => ({
  name,
  in: place,
  description,
  ...(place === 'path' ? { required: true } : {}),
  schema: { type, uniqueItems: true },
})

const answerCodes = ({ action }: Operation): string[] => {
  if (action === 'post') return ['200', '201', '202']
  if (action === 'put' || action === 'patch') return ['200', '201']
  return action === 'delete' ? ['200', '202'] : ['200']
}

const answers = (operation: Operation, write: () => Schema): Schema => ({
  ...Object.fromEntries(
    answerCodes(operation).map((code) => [code, { description: 'OK', ...write() }]),
  ),
  '401': { description: 'Unauthorized' },
})

const v2Operation = (source: DefinitionSource, operation: Operation): Schema => {
  const { answer, body } = operation
  const parameters: Json[] = operation.parameters.map((parameter) => v2Parameter(parameter))
  if (body)
    parameters.unshift({
      name: 'body',
      in: 'body',
      schema: refer(source, body),
      ...(operation.action === 'delete' || operation.action === 'deletecollection'
        ? {}
        : { required: true }),
    })
  return {
    ...shared(operation),
    consumes: body === 'patch' ? [...patchMediaTypes] : ['*/*'],
    produces: answer ? ['application/json'] : ['*/*'],
    schemes: ['https'],
    parameters,
    responses: answers(operation, () => ({
      schema: answer ? refer(source, answer) : { type: 'string' },
    })),
  }
}

const v3Operation = (source: DefinitionSource, operation: Operation): Schema => {
  const { answer, body } = operation
  const bodyTypes = body === 'patch' ? patchMediaTypes : ['*/*']
  return {
    ...shared(operation),
    parameters: operation.parameters.map((parameter) => v3Parameter(parameter)),
    ...(body
      ? {
          requestBody: {
            content: Object.fromEntries(
              bodyTypes.map((type) => [type, { schema: refer(source, body) }]),
            ),
          },
        }
      : {}),
    responses: answers(operation, () => ({
      content: {
        [answer ? 'application/json' : '*/*']: {
          schema: answer ? refer(source, answer) : { type: 'string' },
        },
      },
    })),
  }
}
