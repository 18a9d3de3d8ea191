/**
 * The type checker: gives every expression its type and every call its candidates.
 *
 * It finds all faults of an expression, worded as cel-go's, and goes on with dynamic types after each.
 */
import {
  BOOL,
  type CelType,
  DYN,
  formatType,
  INT,
  listOf,
  mapOf,
  OPTIONAL,
  optionalOf,
  parseType,
  STRING,
  Substitution,
} from './cel-type.ts'
import type { Expression, Issue } from './expression.ts'
import { overloadsOf } from './library/library.ts'
import type { Overload } from './library/overload.ts'
import { compilePattern } from './regular-expression.ts'
import { Duration, Timestamp } from './time.ts'
import { typeNameOf, type Value } from './value.ts'

export interface Declarations {
  /** Variable → type. */
  variables: ReadonlyMap<string, CelType>
  /** Whether `Object{…}` and the like may be made. */
  structs: boolean
}

type Of<Op extends Expression['op']> = Extract<Expression, { op: Op }>

/** Types as variables hold them: `type(x) == string`. */
const TYPE_NAMES: ReadonlyMap<string, CelType> = new Map(
  (
    [
      ...['int', 'uint', 'double', 'string', 'bytes', 'bool', 'dyn'].map((name) => [name, name]),
      ['list', 'list<dyn>'],
      ['map', 'map<dyn, dyn>'],
      ['null_type', 'null'],
      ['optional_type', 'optional<dyn>'],
      ['google.protobuf.Timestamp', 'timestamp'],
      ['google.protobuf.Duration', 'duration'],
      ['type', 'type'],
      ['net.IP', 'net.IP'],
      ['net.CIDR', 'net.CIDR'],
      ['kubernetes.URL', 'kubernetes.URL'],
      ['kubernetes.Quantity', 'kubernetes.Quantity'],
      ['kubernetes.Semver', 'kubernetes.Semver'],
      ['kubernetes.NamedFormat', 'kubernetes.NamedFormat'],
    ] as const
  ).map(([name, type]) => [name!, { kind: 'type', of: parseType(type!) }]),
)

/** The type an identifier names; undefined for what names none. */
export const isTypeName = (name: string): boolean => TYPE_NAMES.has(name)

/** The type of the whole; faults are added to `issues`. */
export const check = (
  expression: Expression,
  declarations: Declarations,
  issues: Issue[],
): CelType => {
  const checker = new Checker(declarations, issues)
  return checker.whole(expression)
}

class Checker {
  private readonly declarations: Declarations
  private readonly issues: Issue[]
  private readonly substitution = new Substitution()
  private readonly visited: Expression[] = []
  private scopes: ReadonlyMap<string, CelType>[] = []
  /** Lists whose elements may be of several types: the arguments of `format`. */
  private readonly mixed = new Set<Expression>()

  constructor(declarations: Declarations, issues: Issue[]) {
    this.declarations = declarations
    this.issues = issues
  }

  whole(expression: Expression): CelType {
    this.check(expression)
    for (const each of this.visited) each.type = this.substitution.resolve(each.type ?? DYN, true)
    return expression.type ?? DYN
  }

  private check(expression: Expression): CelType {
    const type = this.typeOf(expression)
    expression.type = type
    this.visited.push(expression)
    return this.substitution.resolve(type)
  }

  private fault(at: number, message: string): CelType {
    this.issues.push({ at, message })
    return DYN
  }

  private typeOf(expression: Expression): CelType {
    switch (expression.op) {
      case 'literal':
        return typeOfValue(expression.value)
      case 'identifier':
        return (
          this.variable(expression.name) ??
          this.fault(
            expression.at,
            `undeclared reference to '${expression.name}' (in container '')`,
          )
        )
      case 'select':
        return this.select(expression)
      case 'call':
        return this.call(expression)
      case 'list':
        return listOf(this.listElement(expression))
      case 'map':
        return this.map(expression)
      case 'struct':
        return this.struct(expression)
      case 'walk':
        return this.walk(expression)
      case 'bind':
        return this.bind(expression)
    }
  }

  private variable(name: string): CelType | undefined {
    for (let at = this.scopes.length - 1; at >= 0; at--) {
      const type = this.scopes[at]?.get(name)
      if (type) return type
    }
    return this.declarations.variables.get(name) ?? TYPE_NAMES.get(name)
  }

  private within<T>(variables: ReadonlyMap<string, CelType>, run: () => T): T {
    this.scopes.push(variables)
    const result = run()
    this.scopes.pop()
    return result
  }

  private select(expression: Of<'select'>): CelType {
    const path = pathOf(expression)
    const qualified = path && this.declarations.variables.get(path)
    if (qualified) {
      // A variable whose name has dots, as `authorizer.requestResource`.
      Object.assign(expression, { op: 'identifier', name: path })
      return qualified
    }
    if (path && !this.variable(path.slice(0, path.indexOf('.')))) {
      const named = TYPE_NAMES.get(path)
      if (named) {
        expression.names = path
        return named
      }
    }
    const operand = this.check(expression.operand)
    const isOptional = operand.kind === 'opaque' && operand.name === OPTIONAL
    const inside = isOptional ? operand.parameters[0]! : operand
    const field = this.field(expression, inside)
    if (expression.testOnly) return BOOL
    return expression.optional || isOptional ? optionalOf(field) : field
  }

  private field({ field, at }: Of<'select'>, operand: CelType): CelType {
    switch (operand.kind) {
      case 'map':
        return operand.of
      case 'object': {
        const known = operand.fields.get(field)
        if (known) return known.type
        return operand.open ? DYN : this.fault(at, `undefined field '${field}'`)
      }
      case 'dyn':
      case 'param':
        return DYN
      default:
        return this.fault(at, `type '${formatType(operand)}' does not support field selection`)
    }
  }

  private call(call: Of<'call'>): CelType {
    const qualified = call.target ? namespaceOf(call.target) : undefined
    if (qualified !== undefined && !this.variable(qualified.split('.')[0]!)) {
      const name = `${qualified}.${call.name}`
      if (overloadsOf(name)) {
        delete call.target
        call.name = name
      }
    }
    const args = call.target ? [call.target, ...call.args] : call.args
    if (call.name === 'format') this.mixed.add(call.args[0] ?? call)
    const types = args.map((each) => this.check(each))
    const candidates = overloadsOf(call.name)?.filter(
      ({ member }) => member === (call.target !== undefined),
    )
    if (!candidates || candidates.length === 0)
      return this.fault(call.at, `undeclared reference to '${call.name}' (in container '')`)
    this.literals(call)
    return this.resolve(call, candidates, types)
  }

  /** Literals that can be nothing but wrong are told at once. */
  private literals({ name, args }: Of<'call'>): void {
    const read = LITERAL_READERS[name]
    const last = args.at(-1)
    if (!read || last?.op !== 'literal') return
    const { value } = last
    try {
      if (typeof value === 'string') read(value)
      else if (name === 'timestamp' && typeof value === 'bigint') new Timestamp(value * SECOND)
    } catch {
      this.fault(last.at, `invalid ${name} argument`)
    }
  }

  private resolve(
    call: Of<'call'>,
    candidates: readonly Overload[],
    types: readonly CelType[],
  ): CelType {
    const matching: Overload[] = []
    let result: CelType | undefined
    for (const overload of candidates) {
      if (overload.parameters.length !== types.length) continue
      const names = new Map<string, CelType>()
      const wanted = overload.parameters.map((type) => this.substitution.instantiate(type, names))
      if (!this.substitution.assign(wanted, types)) continue
      matching.push(overload)
      const found = this.substitution.resolve(this.substitution.instantiate(overload.result, names))
      result = result === undefined || formatType(result) === formatType(found) ? found : DYN
    }
    call.overloads = matching
    return result ?? this.fault(call.at, noOverload(call, types))
  }

  /** One type for all, unless one is dynamic: Kubernetes wants literals to be of one type. */
  private common(found: CelType | undefined, type: CelType, at: number): CelType {
    if (found === undefined) return type
    if (this.substitution.assign([found], [type]))
      return found.kind === 'dyn' || type.kind === 'dyn' ? DYN : found
    return this.fault(at, `expected type '${formatType(found)}' but found '${formatType(type)}'`)
  }

  private unwrapped(value: Expression, optional: boolean): CelType {
    const type = this.check(value)
    if (!optional || type.kind === 'dyn') return type
    if (type.kind === 'opaque' && type.name === OPTIONAL) return type.parameters[0]!
    return this.fault(
      value.at,
      `expected type 'optional_type(${formatType(type)})' but found '${formatType(type)}'`,
    )
  }

  private listElement(list: Of<'list'>): CelType {
    let common: CelType | undefined
    for (const { value, optional } of list.items) {
      const type = this.unwrapped(value, optional)
      common = this.mixed.has(list) ? DYN : this.common(common, type, value.at)
    }
    return common ?? this.substitution.parameter()
  }

  private map({ entries }: Of<'map'>): CelType {
    let keys: CelType | undefined
    let values: CelType | undefined
    for (const { key, value, optional } of entries) {
      keys = this.common(keys, this.check(key), key.at)
      values = this.common(values, this.unwrapped(value, optional), value.at)
    }
    return mapOf(keys ?? this.substitution.parameter(), values ?? this.substitution.parameter())
  }

  private struct({ name, fields, at }: Of<'struct'>): CelType {
    for (const { name: field, value, optional, at: place } of fields) {
      const type = this.unwrapped(value, optional)
      if (name === 'JSONPatch') this.patchField(field, type, place)
    }
    const isKnown = /^(?:Object(?:\..+)?|JSONPatch)$/.test(name)
    if (!this.declarations.structs || !isKnown)
      return this.fault(at, `undeclared reference to '${name}' (in container '')`)
    return { kind: 'object', name, fields: new Map(), open: true }
  }

  /** The fields of `JSONPatch{…}` are declared, unlike those of objects. */
  private patchField(field: string, type: CelType, at: number): void {
    if (field === 'value') return
    if (!PATCH_TEXTS.has(field)) this.fault(at, `undefined field '${field}'`)
    else if (!this.substitution.assign([STRING], [type]))
      this.fault(
        at,
        `expected type of field '${field}' is 'string' but provided type is '${formatType(type)}'`,
      )
  }

  private walk(expression: Of<'walk'>): CelType {
    const range = this.check(expression.range)
    const [first, second] = this.elements(range, expression)
    const { variables, walk, predicate, result } = expression
    const [name = '', other] = variables
    const scope = new Map(
      other === undefined
        ? [[name, this.single(range, first, second)]]
        : [
            [name, first],
            [other, second],
          ],
    )
    return this.within(scope, () => {
      if (predicate) this.predicate(predicate, walk)
      const made = result ? this.check(result) : DYN
      return this.walkResult(walk, range, first, second, made)
    })
  }

  /** With one variable it is the element of a list, the key of a map. */
  private single(range: CelType, first: CelType, second: CelType): CelType {
    return range.kind === 'list' ? second : first
  }

  /** Index and element, or key and value. */
  private elements(range: CelType, { range: at }: Of<'walk'>): [CelType, CelType] {
    if (range.kind === 'list') return [INT, range.of]
    if (range.kind === 'map') return [range.key, range.of]
    if (range.kind === 'object') return [STRING, DYN]
    if (range.kind !== 'dyn' && range.kind !== 'param')
      this.fault(
        at.at,
        `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      )
    return [DYN, DYN]
  }

  private predicate(predicate: Expression, walk: string): void {
    const type = this.check(predicate)
    if (type.kind === 'bool' || type.kind === 'dyn' || type.kind === 'param') return
    const shown = formatType(type)
    const [operator, types] =
      walk === 'all'
        ? ['_&&_', `bool, ${shown}`]
        : walk === 'exists'
          ? ['_||_', `bool, ${shown}`]
          : ['_?_:_', `${shown}, dyn, dyn`]
    this.fault(predicate.at, `found no matching overload for '${operator}' applied to '(${types})'`)
  }

  private walkResult(
    walk: Of<'walk'>['walk'],
    range: CelType,
    first: CelType,
    second: CelType,
    made: CelType,
  ): CelType {
    switch (walk) {
      case 'map':
      case 'transformList':
        return listOf(made)
      case 'filter':
      case 'sortBy':
        return listOf(this.single(range, first, second))
      case 'transformMap':
        return mapOf(first, made)
      case 'transformMapEntry':
        return made.kind === 'map' ? made : mapOf(DYN, DYN)
      default:
        return BOOL
    }
  }

  private bind({ variable, value, body, through, at }: Of<'bind'>): CelType {
    const type = this.check(value)
    if (through === 'value') return this.within(new Map([[variable, type]]), () => this.check(body))
    const isOptional = type.kind === 'opaque' && type.name === OPTIONAL
    if (!isOptional && type.kind !== 'dyn')
      this.fault(
        at,
        `found no matching overload for 'hasValue' applied to '${formatType(type)}.()'`,
      )
    const inside = isOptional ? type.parameters[0]! : DYN
    const made = this.within(new Map([[variable, inside]]), () => this.check(body))
    return through === 'optMap' ? optionalOf(made) : made
  }
}

const SECOND = 1_000_000_000n

const PATCH_TEXTS: ReadonlySet<string> = new Set(['op', 'path', 'from'])

const LITERAL_READERS: Readonly<Record<string, (text: string) => unknown>> = {
  duration: Duration.parse,
  timestamp: Timestamp.parse,
  matches: compilePattern,
}

const noOverload = (call: Of<'call'>, types: readonly CelType[]): string => {
  const shown = types.map(formatType)
  const where = call.target ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`
  return `found no matching overload for '${call.name}' applied to '${where}'`
}

const typeOfValue = (value: Value): CelType => {
  const name = typeNameOf(value)
  return parseType(name === 'null_type' ? 'null' : name)
}

/** `a.b.c`, when nothing but names are selected. */
const pathOf = (expression: Expression): string | undefined => {
  if (expression.op === 'identifier') return expression.name
  if (expression.op !== 'select' || expression.testOnly || expression.optional) return undefined
  const outer = pathOf(expression.operand)
  return outer === undefined ? undefined : `${outer}.${expression.field}`
}

const namespaceOf = pathOf
