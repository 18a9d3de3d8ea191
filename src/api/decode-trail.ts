/**
 * `Trail`: where a decoding walk stands, and the faults it met, in Kubernetes' (and Go's) words.
 *
 * It decides nothing: walkers report to it.
 */
import type { Json } from './meta.ts'

/** Returns the value's canonical form, or undefined for what is to be absent. */
export type Walker = (value: Json, trail: Trail) => Json | undefined

/** As many faults of each sort as Kubernetes keeps. */
const FAULTS_MAX = 100

export class Trail {
  readonly unknownFields: string[] = []
  readonly typeErrors: string[] = []
  readonly path: (string | number)[] = []
  /** Go's name of the innermost struct. */
  struct = ''
  /** Where the value is in the object it belongs to; `''`: it is the object. */
  private readonly root: string

  constructor(root = '') {
    this.root = root
  }

  unknown(field: string): void {
    if (this.unknownFields.length < FAULTS_MAX)
      this.unknownFields.push(`unknown field "${formatPath([this.root, ...this.path, field])}"`)
  }

  mismatch(value: Json, goType: string, found = describe(value)): undefined {
    const names = this.path.filter((part) => typeof part === 'string')
    const where = this.struct ? `Go struct field ${this.struct}.${names.join('.')}` : 'Go value'
    this.fault(`json: cannot unmarshal ${found} into ${where} of type ${goType}`)
  }

  /** A value whose type decodes itself: Go then knows neither struct nor field. */
  foreign(value: Json, goType: string): undefined {
    this.fault(`json: cannot unmarshal ${describe(value)} into Go value of type ${goType}`)
  }

  fault(message: string): undefined {
    if (this.typeErrors.length < FAULTS_MAX) this.typeErrors.push(message)
  }
}

const formatPath = (path: readonly (string | number)[]): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`,
    '',
  )

const describe = (value: Json): string => {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}
