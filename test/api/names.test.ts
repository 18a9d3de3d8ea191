import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  configKeyErrors,
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  envVarNameErrors,
  labelValueErrors,
  maskTrailingDash,
  type NameRule,
  pathSegmentErrors,
  percentErrors,
  portNameErrors,
  portNumberErrors,
  qualifiedNameErrors,
} from '../../src/api/names.ts'

test('valid names have no faults', () => {
  const cases: [NameRule, string[]][] = [
    [dns1123LabelErrors, ['a', 'a-b', '1a', 'a'.repeat(63)]],
    [dns1123SubdomainErrors, ['a', 'a.b-c.1', 'a'.repeat(253)]],
    [dns1035LabelErrors, ['a', 'a-1']],
    [qualifiedNameErrors, ['a', 'A_b.c', 'example.com/Name']],
    [labelValueErrors, ['', 'a', 'A_b.1']],
    [configKeyErrors, ['.a', 'a_b', 'key.name']],
    [envVarNameErrors, ['A', '1A', 'a b', 'a.b-c']],
    [portNameErrors, ['http', 'a-1']],
    [percentErrors, ['1%', '100%']],
    [pathSegmentErrors, ['a b', 'A:b']],
  ]
  for (const [rule, texts] of cases) for (const text of texts) assert.equal(rule(text), [], text)
})

test('faults are in the words of Kubernetes', () => {
  const cases: [NameRule, string, string[]][] = [
    [
      dns1123LabelErrors,
      'A',
      [
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [dns1123LabelErrors, 'a.b', ['must not contain dots']],
    [dns1123LabelErrors, 'a'.repeat(64), ['must be no more than 63 characters']],
    [qualifiedNameErrors, 'a'.repeat(64), ['name part must be no more than 63 bytes']],
    [qualifiedNameErrors, `${'a'.repeat(254)}/a`, ['prefix part must be no more than 253 bytes']],
    [labelValueErrors, 'a'.repeat(64), ['must be no more than 63 bytes']],
    [envVarNameErrors, '', ['environment variable name must be non-empty']],
    [
      dns1123SubdomainErrors,
      'a_b',
      [
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    ],
    [
      dns1035LabelErrors,
      '1a',
      [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [
      qualifiedNameErrors,
      'a/b/c',
      [
        "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
      ],
    ],
    [
      envVarNameErrors,
      'a=b',
      [
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      ],
    ],
    [
      portNameErrors,
      '80--',
      [
        'must contain at least one letter (a-z)',
        'must not contain consecutive hyphens',
        'must not begin or end with a hyphen',
      ],
    ],
    [configKeyErrors, '..', ["must not be '..'"]],
    [pathSegmentErrors, 'a/b', ["may not contain '/'"]],
    [pathSegmentErrors, '..', ["may not be '..'"]],
  ]
  for (const [rule, text, expected] of cases) assert.equal(rule(text), expected, text)
  assert.equal(portNumberErrors(0), ['must be between 1 and 65535, inclusive'])
  assert.equal(qualifiedNameErrors('').slice(0, 1), ['name part must be non-empty'])
})

test('a generateName is checked as if its last dash were a letter', () => {
  assert.is(maskTrailingDash('web-'), 'wea')
  assert.is(maskTrailingDash('-'), '-')
})

test.run()
