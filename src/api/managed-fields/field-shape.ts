/**
 * `FieldShape`: how server-side apply sees a value: what is one value, what is merged by name or by key.
 *
 * It is the port between the algorithms of this folder and where types come from: `shapeOfModel` for built-in
 * kinds, `shapeOfSchema` (`schema-shape.ts`) for custom ones. Invariant: shapes are immutable and shared; those
 * of models refer to each other in circles, so parts are resolved when they are asked for.
 */
import { isAlwaysPresent, isAtomicModel, keyDefaultOf, mergeRuleOf } from '../merge-keys.ts'
import type { Json } from '../meta.ts'
import { type FieldType, type Scalar, schemaOf } from '../schema.ts'

export type FieldShape = ScalarShape | StructShape | MapShape | ListShape | UntypedShape

export interface ScalarShape {
  is: 'scalar'
  scalar: 'string' | 'numeric' | 'boolean' | 'untyped'
}

/** Named fields; an atomic one is one value. */
export interface StructShape {
  is: 'struct'
  atomic: boolean
  field(name: string): FieldOfShape | undefined
  /** Those that Go's JSON always holds. */
  present(): readonly FieldOfShape[]
  /** What other fields are; undefined: there are none. */
  rest: FieldShape | undefined
}

export interface FieldOfShape {
  name: string
  /** `f:name` */
  element: string
  /** `"f:name":` */
  head: string
  shape: FieldShape
  /** Go's JSON of the struct always holds it, so that nobody adds it to one that is there. */
  isPresent: boolean
}

export interface MapShape {
  is: 'map'
  atomic: boolean
  of: FieldShape
}

export interface ListShape {
  is: 'list'
  atomic: boolean
  /** The names of the fields that identify an item; undefined: a set of scalars. */
  keys: readonly string[] | undefined
  /** What a key is where an item leaves it out. */
  keyDefaults: Readonly<Record<string, Json>>
  of: FieldShape
}

/** Objects merge, everything else is one value. */
export interface UntypedShape {
  is: 'untyped'
  /** An object is one value, too. */
  atomic: boolean
}

export const UNTYPED: UntypedShape = { is: 'untyped', atomic: false }
export const UNTYPED_ATOMIC: UntypedShape = { is: 'untyped', atomic: true }
const SCALARS: Readonly<Record<ScalarShape['scalar'], ScalarShape>> = {
  string: { is: 'scalar', scalar: 'string' },
  numeric: { is: 'scalar', scalar: 'numeric' },
  boolean: { is: 'scalar', scalar: 'boolean' },
  untyped: { is: 'scalar', scalar: 'untyped' },
}
export const scalarShape = (scalar: ScalarShape['scalar']): ScalarShape => SCALARS[scalar]

export const fieldOfShape = (
  name: string,
  isPresent: boolean,
  resolve: () => FieldShape,
): FieldOfShape => {
  let shape: FieldShape | undefined
  const element = `f:${name}`
  return {
    name,
    element,
    head: `${JSON.stringify(element)}:`,
    isPresent,
    get shape() {
      shape ??= resolve()
      return shape
    },
  }
}

const models = new Map<string, StructShape>()

/** The shape of a model's values, e.g. of `V1Pod`. */
export const shapeOfModel = (model: string): StructShape => {
  const known = models.get(model)
  if (known) return known
  const fields = new Map<string, FieldOfShape>()
  let present: readonly FieldOfShape[] | undefined
  const shape: StructShape = {
    is: 'struct',
    atomic: isAtomicModel(model),
    field: (name) => fields.get(name),
    present: () => {
      present ??= [...fields.values()].filter(({ isPresent }) => isPresent)
      return present
    },
    rest: undefined,
  }
  models.set(model, shape)
  for (const { name, type } of schemaOf(model).fields.values())
    fields.set(
      name,
      fieldOfShape(name, isAlwaysPresent(model, name), () => shapeOfField(model, name, type)),
    )
  return shape
}

const shapeOfField = (model: string, field: string, type: FieldType): FieldShape => {
  const rule = mergeRuleOf(model, field)
  const isAtomic = rule?.listType === 'atomic'
  if (type.shape === 'map') return { is: 'map', atomic: isAtomic, of: shapeOfType(type.of) }
  if (type.shape === 'list') {
    const isMergeable = rule?.listType === 'map' || rule?.listType === 'set'
    const keys = rule?.listType === 'map' ? rule.listMapKeys : undefined
    return {
      is: 'list',
      atomic: !isMergeable,
      keys,
      keyDefaults: defaultsOf(type.of, keys),
      of: shapeOfType(type.of),
    }
  }
  const shape = shapeOfType(type)
  return isAtomic && shape.is === 'struct' ? { ...shape, atomic: true } : shape
}

const defaultsOf = (of: FieldType, keys: readonly string[] = []): Record<string, Json> => {
  const defaults: Record<string, Json> = {}
  if (of.shape !== 'model') return defaults
  for (const key of keys) {
    const value = keyDefaultOf(of.model, key)
    if (value !== undefined) defaults[key] = value
  }
  return defaults
}

const shapeOfType = (type: FieldType): FieldShape => {
  switch (type.shape) {
    case 'model':
      return shapeOfModel(type.model)
    case 'map':
      return { is: 'map', atomic: false, of: shapeOfType(type.of) }
    case 'list':
      return {
        is: 'list',
        atomic: true,
        keys: undefined,
        keyDefaults: {},
        of: shapeOfType(type.of),
      }
    case 'scalar':
      return type.scalar === 'any' ? UNTYPED_ATOMIC : scalarShape(SCALAR_SHAPES[type.scalar])
  }
}

const SCALAR_SHAPES: Readonly<Record<Exclude<Scalar, 'any'>, ScalarShape['scalar']>> = {
  string: 'string',
  byte: 'string',
  boolean: 'boolean',
  int32: 'numeric',
  int64: 'numeric',
  double: 'numeric',
  time: 'untyped',
  microTime: 'untyped',
  quantity: 'untyped',
  intOrString: 'untyped',
}
