/**
 * OpenAPI v2 as protobuf: `com.github.proto-openapi.spec.v2@v1.0+protobuf`, gnostic's `openapi_v2.Document`.
 *
 * Older kubectl and client-go ask for nothing else. Two encoded documents, one after the other, are one document
 * with the paths and definitions of both. What Kubernetes' documents never hold (files, headers, OAuth) is not written.
 */
import { KUBERNETES_VERSION } from '../../std/version.ts'
import type { Json } from '../meta.ts'
import type { Schema } from './definitions.ts'
import {
  any,
  bool,
  double,
  extensions,
  join,
  message,
  NONE,
  named,
  text,
  texts,
  whole,
} from './gnostic-fields.ts'

/** `isWhole`: with what stands around paths and definitions. */
export const encodeSwagger = (
  { paths, definitions }: { paths: Schema; definitions: Schema },
  isWhole: boolean,
): Uint8Array => {
  const frame = isWhole ? [text(1, '2.0'), message(2, info())] : []
  const pathItems = Object.entries(paths).map(([name, item]) =>
    message(2, named(name, pathItem(item as Schema))),
  )
  const schemas = Object.entries(definitions).map(([name, schema]) =>
    message(1, named(name, schemaBytes(schema as Schema))),
  )
  const security = isWhole ? [message(13, securityDefinitions())] : []
  return join([...frame, message(8, join(pathItems)), message(9, join(schemas)), ...security])
}

const info = (): Uint8Array => join([text(1, 'Kubernetes'), text(2, KUBERNETES_VERSION)])

const securityDefinitions = (): Uint8Array =>
  message(
    1,
    named(
      'BearerToken',
      message(
        2,
        join([
          text(1, 'apiKey'),
          text(2, 'authorization'),
          text(3, 'header'),
          text(4, 'Bearer Token authentication'),
        ]),
      ),
    ),
  )

const METHODS: Readonly<Record<string, number>> = {
  get: 2,
  put: 3,
  post: 4,
  delete: 5,
  options: 6,
  head: 7,
  patch: 8,
}

const pathItem = (item: Schema): Uint8Array =>
  join([
    ...Object.entries(METHODS).map(([method, field]) =>
      item[method] ? message(field, operation(item[method] as Schema)) : NONE,
    ),
    parameters(9, item['parameters']),
    extensions(10, item),
  ])

const operation = (each: Schema): Uint8Array =>
  join([
    texts(1, each['tags']),
    text(3, each['description']),
    text(5, each['operationId']),
    texts(6, each['produces']),
    texts(7, each['consumes']),
    parameters(8, each['parameters']),
    message(9, responses(each['responses'] as Schema)),
    texts(10, each['schemes']),
    extensions(13, each),
  ])

const responses = (byCode: Schema): Uint8Array =>
  join(
    Object.entries(byCode).map(([code, response]) => {
      const { description, schema } = response as Schema
      const content = schema ? message(2, message(1, schemaBytes(schema as Schema))) : NONE
      return message(1, named(code, message(1, join([text(1, description), content]))))
    }),
  )

const parameters = (field: number, list: Json | undefined): Uint8Array =>
  Array.isArray(list)
    ? join(list.map((each) => message(field, message(1, parameter(each as Schema)))))
    : NONE

const parameter = (each: Schema): Uint8Array => {
  if (each['in'] === 'body')
    return message(
      1,
      join([
        text(1, each['description']),
        text(2, each['name']),
        text(3, 'body'),
        bool(4, each['required']),
        message(5, schemaBytes(each['schema'] as Schema)),
      ]),
    )
  const isQuery = each['in'] === 'query'
  const content = join([
    bool(1, each['required']),
    text(2, each['in']),
    text(3, each['description']),
    text(4, each['name']),
    text(isQuery ? 6 : 5, each['type']),
    bool(isQuery ? 20 : 19, each['uniqueItems']),
  ])
  return message(2, message(isQuery ? 3 : 4, content))
}

const schemaBytes = (schema: Schema): Uint8Array =>
  join([
    text(1, schema['$ref']),
    text(2, schema['format']),
    text(3, schema['title']),
    text(4, schema['description']),
    any(5, schema['default']),
    double(6, schema['multipleOf']),
    double(7, schema['maximum']),
    bool(8, schema['exclusiveMaximum']),
    double(9, schema['minimum']),
    bool(10, schema['exclusiveMinimum']),
    whole(11, schema['maxLength']),
    whole(12, schema['minLength']),
    text(13, schema['pattern']),
    whole(14, schema['maxItems']),
    whole(15, schema['minItems']),
    bool(16, schema['uniqueItems']),
    whole(17, schema['maxProperties']),
    whole(18, schema['minProperties']),
    texts(19, schema['required']),
    Array.isArray(schema['enum']) ? join(schema['enum'].map((value) => any(20, value))) : NONE,
    additional(schema['additionalProperties']),
    typeof schema['type'] === 'string' ? message(22, text(1, schema['type'])) : NONE,
    schema['items'] ? message(23, message(1, schemaBytes(schema['items'] as Schema))) : NONE,
    properties(schema['properties']),
    extensions(31, schema),
  ])

const additional = (value: Json | undefined): Uint8Array => {
  if (value === undefined) return NONE
  if (typeof value === 'boolean') return message(21, Uint8Array.from([16, value ? 1 : 0]))
  return message(21, message(1, schemaBytes(value as Schema)))
}

const properties = (value: Json | undefined): Uint8Array =>
  value
    ? message(
        25,
        join(
          Object.entries(value as Schema).map(([name, schema]) =>
            message(1, named(name, schemaBytes(schema as Schema))),
          ),
        ),
      )
    : NONE
