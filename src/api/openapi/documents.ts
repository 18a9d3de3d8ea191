/**
 * The OpenAPI documents in both dialects, as texts: v2 in parts that are put together, v3 one per group and version.
 *
 * Those of built-in kinds are made when the program is built (`publish.ts`); those of custom kinds when they are
 * asked for. Both are written from the same operations. It keeps nothing.
 */
import { KUBERNETES_VERSION } from '../../std/version.ts'
import type { AnyKind } from '../kind.ts'
import type { Json } from '../meta.ts'
import { acceptedPatches } from '../patch/patch.ts'
import { customDefinitions } from './custom-definitions.ts'
import { customDefinitionNames, type DefinitionNames, definitionName } from './definition-names.ts'
import { type Dialect, reference, type Schema } from './definitions.ts'
import { versionPath } from './discovery-operations.ts'
import { type Operation, type Parameter, type Path, pathsOf } from './operations.ts'

export interface DocumentSource {
  dialect: Dialect
  names: DefinitionNames
}

/** Of v2 what stands before the paths, between them and the definitions, and after these. */
export const V2_FRAME = {
  head: `{"swagger":"2.0","info":${JSON.stringify({ title: 'Kubernetes', version: KUBERNETES_VERSION })},"paths":{`,
  middle: '},"definitions":{',
  tail: `},"securityDefinitions":${JSON.stringify({
    BearerToken: {
      description: 'Bearer Token authentication',
      type: 'apiKey',
      name: 'authorization',
      in: 'header',
    },
  })},"security":[{"BearerToken":[]}]}`,
}

/** Path → operations, of the kinds and of what is discovered. */
export const documentPaths = (
  source: DocumentSource,
  kinds: readonly AnyKind[],
  discovered: readonly Path[],
): Schema =>
  writePaths([...discovered, ...kinds.flatMap(pathsOf)], (path) => ({
    ...writeOperations(source, path),
    ...listed(
      path.parameters.map((parameter) =>
        source.dialect === 'v2' ? v2Parameter(parameter) : v3Parameter(parameter),
      ),
    ),
  }))

/** No list stands for an empty one: Go's documents have none. */
const listed = (parameters: Json[]): Schema => (parameters.length > 0 ? { parameters } : {})

/** A document of v3; `schemas` is the inside of an object's text. */
export const v3Text = (paths: Schema, schemas: string): string =>
  `{"openapi":"3.0.0","info":${JSON.stringify({ title: 'Kubernetes', version: KUBERNETES_VERSION })},"paths":${JSON.stringify(paths)},"components":{"schemas":{${schemas}},"securitySchemes":${JSON.stringify(
    {
      BearerToken: {
        type: 'apiKey',
        description: 'Bearer Token authentication',
        name: 'authorization',
        in: 'header',
      },
    },
  )}}}`

/** What custom kinds add to a document. */
export const customParts = (
  dialect: Dialect,
  kinds: readonly AnyKind[],
): { paths: Schema; definitions: Schema } => ({
  paths: documentPaths(
    { dialect, names: customDefinitionNames(kinds) },
    kinds,
    kinds.slice(0, 1).map(versionPath),
  ),
  definitions: customDefinitions(dialect, kinds),
})

/** The text of an object without its braces. */
export const membersText = (object: Schema): string => JSON.stringify(object).slice(1, -1)

const writePaths = (paths: readonly Path[], write: (path: Path) => Schema): Schema =>
  Object.fromEntries(
    [...paths]
      .sort((one, other) => (one.path < other.path ? -1 : 1))
      .map((path) => [path.path, write(path)]),
  )

const writeOperations = (source: DocumentSource, path: Path): Schema =>
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
  ...(operation.action ? { 'x-kubernetes-action': operation.action } : {}),
  ...(operation.groupVersionKind
    ? { 'x-kubernetes-group-version-kind': { ...operation.groupVersionKind } }
    : {}),
})

const refer = (source: DocumentSource, model: string): Schema =>
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

const v2Operation = (source: DocumentSource, operation: Operation): Schema => {
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
    consumes: body === 'patch' ? [...acceptedPatches(operation.isCustom === true)] : ['*/*'],
    produces: answer ? ['application/json'] : ['*/*'],
    schemes: ['https'],
    ...listed(parameters),
    responses: answers(operation, () => ({
      schema: answer ? refer(source, answer) : { type: 'string' },
    })),
  }
}

const v3Operation = (source: DocumentSource, operation: Operation): Schema => {
  const { answer, body } = operation
  const bodyTypes = body === 'patch' ? acceptedPatches(operation.isCustom === true) : ['*/*']
  return {
    ...shared(operation),
    ...listed(operation.parameters.map((parameter) => v3Parameter(parameter))),
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
