/**
 * The fields of a new object, as JSON text of FieldsV1, in one walk.
 *
 * The text is that of `compareObjects` from an object of which nothing is set. This is the path of every create:
 * it builds no set. It changes nothing.
 */
import type { Json } from '../meta.ts'
import { compareElements } from './field-set.ts'
import { type FieldShape, type ListShape, type StructShape, UNTYPED } from './field-shape.ts'
import { elementOf, isObject } from './list-elements.ts'

/** `{"f:data":{".":{},"f:key":{}}}`; `skip` says which fields of the object and of its metadata do not count. */
export const createdFields = (
  shape: StructShape,
  object: { [key: string]: Json },
  skip: (field: string, isMetadata: boolean) => boolean,
): string => {
  let text = ''
  for (const name of Object.keys(object).sort()) {
    if (skip(name, false)) continue
    const field = shape.field(name)
    let value = object[name]
    if (value === undefined) continue
    if (name === 'metadata' && isObject(value)) {
      const kept: { [key: string]: Json } = {}
      for (const key in value) if (!skip(key, true)) kept[key] = value[key] as Json
      value = kept
    }
    const part = field?.shape ?? shape.rest ?? UNTYPED
    const more = fieldText(field?.head ?? headOf(name), part, value, field?.isPresent ?? false)
    if (more !== '') text += text === '' ? more : `,${more}`
  }
  return `{${text}}`
}

const HEADS_MAX = 2_048
const heads = new Map<string, string>()

/** `"f:name":`, made once of names that come often. */
const headOf = (name: string): string => {
  const known = heads.get(name)
  if (known !== undefined) return known
  const head = `${JSON.stringify(`f:${name}`)}:`
  if (heads.size < HEADS_MAX) heads.set(name, head)
  return head
}

const OWN = '".":{}'

/**
 * `"f:name":{…}`, or nothing for what was there before (Go's JSON always holds it) and is as it was. An undefined
 * value is what Go writes where nothing is set.
 */
const fieldText = (
  head: string,
  shape: FieldShape,
  value: Json | undefined,
  wasThere: boolean,
): string => {
  if (isOneValue(shape, value)) return wasThere && isZero(value) ? '' : `${head}{}`
  const parts = partsText(shape, value, wasThere)
  if (!wasThere) return parts === '' ? `${head}{}` : `${head}{${OWN},${parts}}`
  if (parts !== '') return `${head}{${parts}}`
  return shape.is === 'list' && value !== undefined ? `${head}{}` : ''
}

const isZero = (value: Json | undefined): boolean =>
  value === undefined || value === null || value === 0 || value === '' || value === false

const isOneValue = (shape: FieldShape, value: Json | undefined): boolean => {
  if (shape.is === 'scalar' || shape.atomic) return true
  if (value === undefined) return false
  return shape.is === 'list' ? !Array.isArray(value) : !isObject(value)
}

const partsText = (shape: FieldShape, value: Json | undefined, wasThere: boolean): string => {
  switch (shape.is) {
    case 'struct':
      return structText(shape, (value ?? NOTHING) as { [key: string]: Json }, wasThere)
    case 'map':
      return mapText(shape.of, (value ?? NOTHING) as { [key: string]: Json })
    case 'untyped':
      return mapText(UNTYPED, (value ?? NOTHING) as { [key: string]: Json })
    case 'list':
      return listText(shape, (value ?? []) as Json[])
    case 'scalar':
      return ''
  }
}

const NOTHING: { [key: string]: Json } = {}

const structText = (
  shape: StructShape,
  value: { [key: string]: Json },
  wasThere: boolean,
): string => {
  const names = Object.keys(value)
  if (!wasThere)
    for (const { name } of shape.present()) if (value[name] === undefined) names.push(name)
  if (names.length > 1) names.sort()
  let text = ''
  for (const name of names) {
    const field = shape.field(name)
    const part = value[name]
    if (part === undefined && (wasThere || !field?.isPresent)) continue
    const more = field
      ? fieldText(field.head, field.shape, part, wasThere && field.isPresent)
      : fieldText(headOf(name), shape.rest ?? UNTYPED, part, false)
    if (more !== '') text += text === '' ? more : `,${more}`
  }
  return text
}

const mapText = (of: FieldShape, value: { [key: string]: Json }): string => {
  const names = Object.keys(value)
  if (names.length > 1) names.sort()
  let text = ''
  for (const name of names) {
    if (value[name] === undefined) continue
    if (text !== '') text += ','
    text += fieldText(headOf(name), of, value[name], false)
  }
  return text
}

const listText = (shape: ListShape, items: readonly Json[]): string => {
  const texts = new Map<string, string>()
  for (const item of items) {
    const result = elementOf(shape, item)
    if ('fault' in result) continue
    const head = `${JSON.stringify(result.element)}:`
    const isDuplicate = texts.has(result.element)
    texts.set(result.element, isDuplicate ? `${head}{}` : fieldText(head, shape.of, item, false))
  }
  if (texts.size <= 1) return texts.values().next().value ?? ''
  return [...texts.keys()]
    .sort(compareElements)
    .map((element) => texts.get(element)!)
    .join(',')
}
