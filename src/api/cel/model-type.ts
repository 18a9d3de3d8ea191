/**
 * From the field schema of a built-in kind to the type that expressions see.
 *
 * What Kubernetes' OpenAPI documents say of it: times are timestamps, bytes are bytes; quantities and what may be a
 * number or a text are dynamic. Sizes have no bounds. Names are escaped as those of schemas.
 */
import { type FieldType, type Scalar, schemaOf } from '../schema.ts'
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DYN,
  escapeName,
  INT,
  listOf,
  mapOf,
  type ObjectField,
  STRING,
  TIMESTAMP,
} from './cel-type.ts'

const SCALARS: Readonly<Record<Scalar, CelType>> = {
  string: STRING,
  boolean: BOOL,
  int32: INT,
  int64: INT,
  double: DOUBLE,
  time: TIMESTAMP,
  microTime: TIMESTAMP,
  byte: BYTES,
  intOrString: DYN,
  quantity: DYN,
  any: DYN,
}

/** `path` names it in messages. */
export const typeOfModel = (
  model: string,
  path: string,
  within: readonly string[] = [],
): CelType => {
  // A model that holds itself ends in something dynamic.
  if (within.includes(model)) return DYN
  const inside = [...within, model]
  const fields = new Map<string, ObjectField>()
  for (const { name, type } of schemaOf(model).fields.values())
    fields.set(escapeName(name), { name, type: typeOf(type, `${path}.${name}`, inside) })
  return { kind: 'object', name: path, fields }
}

const typeOf = (type: FieldType, path: string, within: readonly string[]): CelType => {
  switch (type.shape) {
    case 'scalar':
      return SCALARS[type.scalar]
    case 'list':
      return listOf(typeOf(type.of, `${path}.@idx`, within))
    case 'map':
      return mapOf(STRING, typeOf(type.of, `${path}.@elem`, within))
    case 'model':
      return typeOfModel(type.model, path, within)
  }
}
