/**
 * What Accept headers mean, as clients send them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatOf, type Offer, streamFormatOf } from '../../../src/actors/apiserver/negotiate.ts'
import { StatusError } from '../../../src/api/status-error.ts'

const META = 'g=meta.k8s.io;v=v1'
const PROTOBUF = 'application/vnd.kubernetes.protobuf'

const TABLE: readonly [accept: string | undefined, offer: Offer, shown: string][] = [
  [undefined, 'builtIn', 'json'],
  ['*/*', 'builtIn', 'json'],
  ['application/yaml', 'builtIn', 'yaml'],
  ['application/*', 'builtIn', 'json'],
  [`${PROTOBUF}, */*`, 'builtIn', 'protobuf'],
  [`${PROTOBUF},application/json`, 'builtIn', 'protobuf'],
  [`${PROTOBUF},application/json`, 'custom', 'json'],
  [`application/json;q=0.5,${PROTOBUF};q=0.9`, 'builtIn', 'protobuf'],
  ['application/json;q=0.5,application/yaml', 'builtIn', 'yaml'],
  ['*/*,application/yaml', 'builtIn', 'yaml'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'builtIn', 'json'],
  [`application/json;as=Table;${META},application/json`, 'builtIn', 'json Table v1'],
  [
    'application/json;as=Table;g=meta.k8s.io;v=v1beta1,application/json',
    'custom',
    'json Table v1beta1',
  ],
  [`${PROTOBUF};as=Table;${META},application/json`, 'builtIn', 'json'],
  [
    `${PROTOBUF};as=PartialObjectMetadata;${META},application/json`,
    'custom',
    'protobuf PartialObjectMetadata v1',
  ],
  [`application/json;as=Table;${META},application/json`, 'untabled', 'json'],
  [
    `application/json;as=PartialObjectMetadata;${META}`,
    'untabled',
    'json PartialObjectMetadata v1',
  ],
  [PROTOBUF, 'untabled', 'protobuf'],
  ['application/json;as=Table;g=other;v=v1,application/json', 'builtIn', 'json'],
  ['application/json;stream=watch', 'builtIn', 'json'],
  ['application/json;pretty=1', 'builtIn', 'json pretty'],
  ['text/plain', 'page', 'json'],
]

for (const [accept, offer, shown] of TABLE)
  test(`${accept} of ${offer} is ${shown}`, () => {
    const { syntax, as, metaVersion, pretty } = formatOf(accept, offer)
    assert.is([syntax, as, metaVersion, pretty && 'pretty'].filter(Boolean).join(' '), shown)
  })

const refusalOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`
    throw error
  }
  return 'nothing'
}

test('what cannot be served is refused with what can', () => {
  const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf'
  const refused = `406 only the following media types are accepted: ${types}`
  assert.is(
    refusalOf(() => formatOf('text/xml', 'builtIn')),
    refused,
  )
  assert.is(
    refusalOf(() => formatOf(`application/json;as=Gadget;${META}`, 'builtIn')),
    refused,
  )
  assert.is(
    refusalOf(() => formatOf(`application/json;as=Table;${META}`, 'untabled')),
    refused,
  )
  assert.is(
    refusalOf(() => formatOf(PROTOBUF, 'custom')),
    refused,
  )
  assert.is(
    refusalOf(() => streamFormatOf('application/yaml', 'builtIn')),
    '406 only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch',
  )
})

test.run()
