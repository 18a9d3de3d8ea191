/**
 * Fields of gnostic's protobuf messages, in which OpenAPI documents of both versions are written.
 *
 * Invariant: a value that is absent, empty or false takes no byte. It knows no message.
 */
import type { Json } from '../meta.ts'
import type { Schema } from './definitions.ts'

export const join = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts)

const varint = (value: number): number[] => {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  return [...bytes, rest]
}

export const message = (field: number, content: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content])

export const NONE = new Uint8Array()

export const text = (field: number, value: Json | undefined): Uint8Array =>
  typeof value === 'string' && value !== '' ? message(field, Buffer.from(value)) : NONE

export const texts = (field: number, values: Json | undefined): Uint8Array =>
  Array.isArray(values)
    ? join(values.map((value) => message(field, Buffer.from(String(value)))))
    : NONE

export const bool = (field: number, value: Json | undefined): Uint8Array =>
  value === true ? Uint8Array.from([...varint(field * 8), 1]) : NONE

export const whole = (field: number, value: Json | undefined): Uint8Array =>
  typeof value === 'number' && value > 0
    ? Uint8Array.from([...varint(field * 8), ...varint(value)])
    : NONE

export const double = (field: number, value: Json | undefined): Uint8Array => {
  if (typeof value !== 'number') return NONE
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return Buffer.concat([Buffer.from(varint(field * 8 + 1)), bytes])
}

export const named = (name: string, value: Uint8Array): Uint8Array =>
  join([text(1, name), message(2, value)])

/** An `Any`, which holds YAML. */
export const any = (field: number, value: Json | undefined): Uint8Array =>
  value === undefined ? NONE : message(field, text(2, JSON.stringify(value)))

export const extensions = (field: number, schema: Schema): Uint8Array =>
  join(
    Object.entries(schema)
      .filter(([name]) => name.startsWith('x-'))
      .map(([name, value]) => message(field, named(name, text(2, JSON.stringify(value))))),
  )
