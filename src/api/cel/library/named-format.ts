/**
 * Kubernetes' format library: `format.named("dns1123Label")`, `format.dns1123Label().validate(text)` …
 *
 * The rules are those of `names.ts` and of OpenAPI's formats; `validate` gives none, or the list of faults.
 */
import {
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  labelValueErrors,
  maskTrailingDash,
  type NameRule,
  qualifiedNameErrors,
} from '../../names.ts'
import { ListValue, Opaque, Optional } from '../value.ts'
import { define, type Overload, traversal } from './overload.ts'

class NamedFormat extends Opaque {
  readonly typeName = 'kubernetes.NamedFormat'
  readonly name: string
  readonly rule: NameRule

  constructor(name: string, rule: NameRule) {
    super()
    this.name = name
    this.rule = rule
  }

  equals(other: Opaque): boolean {
    return other instanceof NamedFormat && other.name === this.name
  }
}

const shaped =
  (pattern: RegExp, fault: string): NameRule =>
  (text) =>
    pattern.test(text) ? [] : [fault]

const prefixOf =
  (rule: NameRule): NameRule =>
  (text) =>
    rule(maskTrailingDash(text))

const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/
const DATETIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[tT ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[zZ]|[+-]\d{2}:?\d{2})?$/

const FORMATS: Readonly<Record<string, NameRule>> = {
  dns1123Label: dns1123LabelErrors,
  dns1123Subdomain: dns1123SubdomainErrors,
  dns1035Label: dns1035LabelErrors,
  qualifiedName: qualifiedNameErrors,
  dns1123LabelPrefix: prefixOf(dns1123LabelErrors),
  dns1123SubdomainPrefix: prefixOf(dns1123SubdomainErrors),
  dns1035LabelPrefix: prefixOf(dns1035LabelErrors),
  labelValue: labelValueErrors,
  uri: (text) => {
    try {
      new URL(text, 'http://localhost')
      return /^(?:[A-Za-z][A-Za-z0-9+.-]*:|\/)/.test(text) ? [] : ['invalid URI for request']
    } catch {
      return ['invalid URI for request']
    }
  },
  uuid: shaped(
    /^[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{12}$/,
    'does not match the UUID format',
  ),
  byte: shaped(
    /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
    'invalid base64',
  ),
  date: shaped(DATE, 'invalid date'),
  datetime: shaped(DATETIME, 'invalid datetime'),
}

const formatNamed = (name: string): Optional => {
  const rule = FORMATS[name]
  return rule ? new Optional(new NamedFormat(name, rule)) : Optional.none
}

const validate = ({ rule }: NamedFormat, text: string): Optional => {
  const faults = rule(text)
  return faults.length === 0 ? Optional.none : new Optional(new ListValue(faults))
}

export const formats: readonly Overload[] = [
  ...define({
    'format.named(string): optional<kubernetes.NamedFormat>': formatNamed,
    ...Object.fromEntries(
      Object.entries(FORMATS).map(([name, rule]) => [
        `format.${name}(): kubernetes.NamedFormat`,
        () => new NamedFormat(name, rule),
      ]),
    ),
  }),
  ...define(
    {
      'kubernetes.NamedFormat.validate(string): optional<list<string>>': validate,
    },
    traversal(1, 1),
  ),
]
