/**
 * Objects with a value in every field of a model, made from its schema: different values, the same each time.
 */
import { type FieldType, schemaOf } from '../../src/api/schema.ts'

/** How often one model may stand inside itself. */
const DEPTH = 1

/** Quantities are the fields for which `isQuantity` says so; other strings are plain. */
export const fullObject = (
  model: string,
  isQuantity: (model: string, field: string) => boolean,
): object => {
  let count = 0
  const objectOf = (name: string, within: readonly string[]): object => {
    const object: Record<string, unknown> = {}
    for (const [field, { type }] of schemaOf(name).fields) {
      if (field === 'apiVersion' || field === 'kind') continue
      const value = valueFor(type, within, isQuantity(name, field))
      if (value !== undefined) object[field] = value
    }
    return object
  }
  const valueFor = (type: FieldType, within: readonly string[], quantity: boolean): unknown => {
    count++
    if (type.shape === 'list') {
      const pair = pairOf(type.of, within, quantity)
      return pair.length > 0 ? pair : undefined
    }
    if (type.shape === 'map') {
      const [one, other] = pairOf(type.of, within, quantity)
      return one === undefined ? undefined : { [`k${count}`]: one, ä: other }
    }
    if (type.shape === 'model') {
      if (within.filter((each) => each === type.model).length >= DEPTH) return undefined
      return objectOf(type.model, [...within, type.model])
    }
    return quantity ? `${count}m` : SCALARS[type.scalar](count)
  }
  const pairOf = (of: FieldType, within: readonly string[], quantity: boolean): unknown[] =>
    [valueFor(of, within, quantity), valueFor(of, within, quantity)].filter(
      (value) => value !== undefined,
    )
  return objectOf(model, [model])
}

const SCALARS = {
  string: (count: number) => (count % 5 === 0 ? `ü${count}` : `s${count}`),
  boolean: () => true,
  int32: (count: number) => (count % 2 === 0 ? -count : count),
  int64: (count: number) => (count % 2 === 0 ? -count : count * 10_000_000_000),
  double: (count: number) => count + 0.5,
  time: () => '2024-02-29T12:34:56Z',
  microTime: () => '2024-02-29T12:34:56.123456Z',
  byte: (count: number) => Buffer.from(`b${count}`).toString('base64'),
  intOrString: (count: number) => (count % 2 === 0 ? `${count}%` : count),
  quantity: (count: number) => `${count}m`,
  any: (count: number) => ({ any: [count] }),
}
