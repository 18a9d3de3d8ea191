/**
 * OpenAPI v3 as protobuf: `com.github.proto-openapi.spec.v3@v1.0+protobuf`, gnostic's `openapi_v3.Document`.
 *
 * It is made from the JSON document when somebody asks. What Kubernetes' documents never hold (callbacks, links,
 * examples, servers) is not written.
 */
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

/** `document` is parsed JSON. */
export const encodeOpenApi = (document: Schema): Uint8Array => {
  const { title, version } = document['info'] as Schema
  return join([
    text(1, document['openapi']),
    message(2, join([text(1, title), text(6, version)])),
    message(
      4,
      join(each(document['paths'], (path, item) => message(1, named(path, pathItem(item))))),
    ),
    message(5, components(document['components'] as Schema)),
  ])
}

const each = (
  members: Json | undefined,
  write: (name: string, member: Schema) => Uint8Array,
): Uint8Array[] =>
  Object.entries((members ?? {}) as Schema).map(([name, member]) => write(name, member as Schema))

const components = ({ schemas, securitySchemes }: Schema): Uint8Array =>
  join([
    message(1, join(each(schemas, (name, schema) => message(1, named(name, schemaOr(schema)))))),
    securitySchemes
      ? message(
          7,
          join(
            each(securitySchemes, (name, scheme) =>
              message(1, named(name, message(1, securityScheme(scheme)))),
            ),
          ),
        )
      : NONE,
  ])

const securityScheme = (scheme: Schema): Uint8Array =>
  join([
    text(1, scheme['type']),
    text(2, scheme['description']),
    text(3, scheme['name']),
    text(4, scheme['in']),
  ])

const METHODS: Readonly<Record<string, number>> = {
  get: 4,
  put: 5,
  post: 6,
  delete: 7,
  options: 8,
  head: 9,
  patch: 10,
}

const pathItem = (item: Schema): Uint8Array =>
  join([
    ...Object.entries(METHODS).map(([method, field]) =>
      item[method] ? message(field, operation(item[method] as Schema)) : NONE,
    ),
    parameters(13, item['parameters']),
    extensions(14, item),
  ])

const operation = (one: Schema): Uint8Array =>
  join([
    texts(1, one['tags']),
    text(3, one['description']),
    text(5, one['operationId']),
    parameters(6, one['parameters']),
    one['requestBody'] ? message(7, message(1, requestBody(one['requestBody'] as Schema))) : NONE,
    message(
      8,
      join(
        each(one['responses'], (code, answer) =>
          message(2, named(code, message(1, response(answer)))),
        ),
      ),
    ),
    extensions(13, one),
  ])

const parameters = (field: number, list: Json | undefined): Uint8Array =>
  Array.isArray(list)
    ? join(list.map((one) => message(field, message(1, parameter(one as Schema)))))
    : NONE

const parameter = (one: Schema): Uint8Array =>
  join([
    text(1, one['name']),
    text(2, one['in']),
    text(3, one['description']),
    bool(4, one['required']),
    one['schema'] ? message(10, schemaOr(one['schema'] as Schema)) : NONE,
  ])

const requestBody = (body: Schema): Uint8Array =>
  join([text(1, body['description']), mediaTypes(2, body['content']), bool(3, body['required'])])

const response = (answer: Schema): Uint8Array =>
  join([text(1, answer['description']), mediaTypes(3, answer['content'])])

const mediaTypes = (field: number, content: Json | undefined): Uint8Array =>
  content
    ? message(
        field,
        join(
          each(content, (type, { schema }) =>
            message(1, named(type, schema ? message(1, schemaOr(schema as Schema)) : NONE)),
          ),
        ),
      )
    : NONE

/** A schema, or where one is. */
const schemaOr = (schema: Schema): Uint8Array =>
  schema['$ref'] === undefined
    ? message(1, schemaBytes(schema))
    : message(2, join([text(1, schema['$ref']), text(3, schema['description'])]))

const schemaBytes = (schema: Schema): Uint8Array =>
  join([
    bool(1, schema['nullable']),
    text(9, schema['title']),
    double(10, schema['multipleOf']),
    double(11, schema['maximum']),
    bool(12, schema['exclusiveMaximum']),
    double(13, schema['minimum']),
    bool(14, schema['exclusiveMinimum']),
    whole(15, schema['maxLength']),
    whole(16, schema['minLength']),
    text(17, schema['pattern']),
    whole(18, schema['maxItems']),
    whole(19, schema['minItems']),
    bool(20, schema['uniqueItems']),
    whole(21, schema['maxProperties']),
    whole(22, schema['minProperties']),
    texts(23, schema['required']),
    Array.isArray(schema['enum']) ? join(schema['enum'].map((value) => any(24, value))) : NONE,
    text(25, schema['type']),
    schemas(26, schema['allOf']),
    schemas(27, schema['oneOf']),
    schemas(28, schema['anyOf']),
    schema['not'] ? message(29, schemaBytes(schema['not'] as Schema)) : NONE,
    schema['items'] ? message(30, message(1, schemaOr(schema['items'] as Schema))) : NONE,
    properties(schema['properties']),
    additional(schema['additionalProperties']),
    defaultValue(schema['default']),
    text(34, schema['description']),
    text(35, schema['format']),
    extensions(36, schema),
  ])

const schemas = (field: number, list: Json | undefined): Uint8Array =>
  Array.isArray(list)
    ? join(list.map((schema) => message(field, schemaOr(schema as Schema))))
    : NONE

const properties = (members: Json | undefined): Uint8Array =>
  members
    ? message(31, join(each(members, (name, schema) => message(1, named(name, schemaOr(schema))))))
    : NONE

const additional = (value: Json | undefined): Uint8Array => {
  if (value === undefined) return NONE
  if (typeof value === 'boolean') return message(32, Uint8Array.from([16, value ? 1 : 0]))
  return message(32, message(1, schemaOr(value as Schema)))
}

/** Only simple values are told; of others, that there is one. */
const defaultValue = (value: Json | undefined): Uint8Array => {
  if (value === undefined) return NONE
  if (typeof value === 'number') return message(33, double(1, value))
  if (typeof value === 'boolean') return message(33, Uint8Array.from([16, value ? 1 : 0]))
  return message(33, typeof value === 'string' ? message(3, Buffer.from(value)) : NONE)
}
