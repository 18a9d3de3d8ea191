import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readAuthenticationConfiguration } from '../../../src/api/authentication/authentication-configuration.ts'
import { configurationErrors } from '../../../src/api/authentication/configuration-validation.ts'

const OWN = ['https://kubernetes.default.svc.cluster.local']

const document = (jwt: object[], more: object = {}) => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'AuthenticationConfiguration',
  jwt,
  ...more,
})

const jwt = (more: object = {}, issuer: object = {}) => ({
  issuer: { url: 'https://issuer.example', audiences: ['a'], ...issuer },
  claimMappings: { username: { claim: 'sub', prefix: '' } },
  ...more,
})

const faults = (...authenticators: object[]) =>
  configurationErrors(readAuthenticationConfiguration(document(authenticators)), OWN).map(
    ({ field, message }) => `${field}: ${message}`,
  )

const firstFault = (...authenticators: object[]): string => faults(...authenticators)[0] ?? ''

const refusal = (value: unknown): string => {
  try {
    readAuthenticationConfiguration(value)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

test('a configuration is read strictly', () => {
  assert.equal(readAuthenticationConfiguration(document([])), { jwt: [] })
  const anonymous = { enabled: true, conditions: [{ path: '/livez' }] }
  assert.equal(readAuthenticationConfiguration(document([], { anonymous })).anonymous, anonymous)
  assert.match(refusal({ kind: 'Other' }), /it is no AuthenticationConfiguration/)
  assert.is(
    refusal(document([jwt({ claimMappings: { userName: {} } })])),
    'strict decoding error: unknown field "jwt[0].claimMappings.userName"',
  )
  assert.is(
    refusal(document([jwt({}, { audiences: 'a' })])),
    'strict decoding error: jwt[0].issuer.audiences must be a list',
  )
})

test('what is sound has no faults', () => {
  assert.equal(faults(jwt()), [])
  const many = { audiences: ['a', 'b'], audienceMatchPolicy: 'MatchAny' }
  assert.equal(faults(jwt({}, many)), [])
})

test('issuers are checked', () => {
  assert.equal(faults(jwt({}, { url: 'http://u:p@x/?q=1#f' })), [
    'jwt[0].issuer.url: Invalid value: "http://u:p@x/?q=1#f": URL scheme must be https',
    'jwt[0].issuer.url: Invalid value: "http://u:p@x/?q=1#f": URL must not contain a username or password',
    'jwt[0].issuer.url: Invalid value: "http://u:p@x/?q=1#f": URL must not contain a query',
    'jwt[0].issuer.url: Invalid value: "http://u:p@x/?q=1#f": URL must not contain a fragment',
  ])
  assert.equal(faults(jwt({}, { url: '', audiences: [] })), [
    'jwt[0].issuer.url: Required value',
    'jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required',
  ])
  assert.match(firstFault(jwt({}, { url: OWN[0] })), /URL must not overlap with disallowed issuers/)
  assert.equal(faults(jwt({}, { audiences: ['a', 'a'], certificateAuthority: 'x' })), [
    'jwt[0].issuer.audiences[1]: Duplicate value: "a"',
    'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences',
    'jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": data does not contain any valid RSA or ECDSA certificates',
  ])
  const discoveryURL = 'https://issuer.example/'
  assert.match(firstFault(jwt({}, { discoveryURL })), /discoveryURL must be different from URL/)
  assert.equal(faults(jwt(), jwt()), [
    'jwt[1].issuer.url: Duplicate value: "https://issuer.example"',
  ])
})

test('mappings and rules are checked', () => {
  const rules = [
    {},
    { claim: 'a', message: 'm' },
    { claim: 'a' },
    { expression: 'claims.a', claim: 'a' },
    { expression: 'claims.a == 1', requiredValue: 'x' },
    { expression: '1' },
    { expression: 'nobody' },
  ]
  assert.equal(
    faults(jwt({ claimValidationRules: rules })).map((text) => text.split('\n')[0]),
    [
      'jwt[0].claimValidationRules[0]: Required value: claim or expression is required',
      'jwt[0].claimValidationRules[1].message: Invalid value: "m": may not be specified when claim is set',
      'jwt[0].claimValidationRules[2].claim: Duplicate value: "a"',
      'jwt[0].claimValidationRules[3]: Invalid value: "a": claim and expression can\'t both be set',
      'jwt[0].claimValidationRules[4].requiredValue: Invalid value: "x": may not be specified when expression is set',
      'jwt[0].claimValidationRules[5].expression: Invalid value: "1": must evaluate to bool',
      "jwt[0].claimValidationRules[6].expression: Invalid value: \"nobody\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'nobody' (in container '')",
    ],
  )
  const claimMappings = {
    username: { claim: 'sub' },
    groups: { expression: 'claims.g', prefix: 'x' },
    uid: { claim: 'a', expression: 'claims.b' },
    extra: [
      { key: 'plain', valueExpression: '""' },
      { key: 'a.kubernetes.io/X', valueExpression: '""' },
      { key: 'example.org/a' },
    ],
  }
  assert.equal(faults(jwt({ claimMappings })), [
    'jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing',
    'jwt[0].claimMappings.groups.prefix: Invalid value: "x": may not be specified when expression is set',
    'jwt[0].claimMappings.uid: Invalid value: "": claim and expression can\'t both be set',
    'jwt[0].claimMappings.extra[0].key: Invalid value: "plain": must be a domain-prefixed path (such as "acme.io/foo")',
    'jwt[0].claimMappings.extra[1].key: Invalid value: "a.kubernetes.io/X": must be lowercase',
    'jwt[0].claimMappings.extra[1].key: Invalid value: "a.kubernetes.io/X": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use',
    'jwt[0].claimMappings.extra[2].valueExpression: Required value',
  ])
  const users = [{ expression: '' }, { expression: 'user.nobody == ""' }, { expression: 'true' }]
  assert.equal(
    faults(jwt({ userValidationRules: [...users, { expression: 'true' }] })).map(
      (text) => text.split('\n')[0],
    ),
    [
      'jwt[0].userValidationRules[0].expression: Required value',
      'jwt[0].userValidationRules[1].expression: Invalid value: "user.nobody == \\"\\"": compilation failed: ERROR: <input>:1:5: undefined field \'nobody\'',
      'jwt[0].userValidationRules[3].expression: Duplicate value: "true"',
    ],
  )
})

test('an address as a name wants to be verified', () => {
  const named = (expression: string, more: object = {}) =>
    faults(jwt({ claimMappings: { username: { expression } }, ...more }))
  assert.match(named('claims.email')[0] ?? '', /claims.email_verified must be used/)
  assert.match(named('claims.?email.orValue("")')[0] ?? '', /claims.email_verified must be used/)
  assert.equal(named('claims.email_verified ? claims.email : claims.sub'), [])
  const claimValidationRules = [{ expression: 'claims.?email_verified.orValue(true) == true' }]
  assert.equal(named('claims.email', { claimValidationRules }), [])
})

test('anonymous conditions want anonymous requests', () => {
  const anonymous = { enabled: false, conditions: [{ path: '/livez' }] }
  const errors = configurationErrors({ jwt: [], anonymous }, OWN)
  assert.is(errors[0]?.field, 'anonymous.conditions')
})

test.run()
