/**
 * Single fields of a protobuf message, wherever they stand in it.
 */
import { Reader } from '../../src/actors/apiserver/protobuf-reader.ts'

/** The message at a field; an empty one where there is none. */
export const messageAt = (reader: Reader, field: number): Reader => {
  for (let found = reader.next(); found !== 0; found = reader.next()) {
    if (found === field) return reader.message()
    reader.skip()
  }
  return new Reader(Buffer.alloc(0), 0, 0)
}

export const textAt = (reader: Reader, field: number): string => {
  for (let found = reader.next(); found !== 0; found = reader.next()) {
    if (found === field) return reader.text()
    reader.skip()
  }
  return ''
}
