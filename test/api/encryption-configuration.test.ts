import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  EncryptionConfigurationError,
  parseEncryptionConfiguration,
  providersOf,
} from '../../src/api/encryption-configuration.ts'

const secret = Buffer.alloc(32, 7).toString('base64')
const aesgcm = { aesgcm: { keys: [{ name: 'key1', secret }] } }
const document = (...resources: object[]) => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'EncryptionConfiguration',
  resources,
})
const rule = (resources: string[], ...providers: object[]) => ({ resources, providers })

const refused = (value: unknown): string => {
  try {
    parseEncryptionConfiguration(value)
  } catch (error) {
    if (error instanceof EncryptionConfigurationError) return error.message
    throw error
  }
  return 'accepted'
}

test('the first rule that names a kind counts, wildcards by group too', () => {
  const rules = parseEncryptionConfiguration(
    document(
      rule(['events.events.k8s.io', 'configmaps'], { identity: {} }),
      rule(['secrets', '*.apps'], aesgcm, { identity: {} }),
      rule(['*.'], { aescbc: aesgcm.aesgcm }),
    ),
  )
  const first = (group: string, plural: string) => providersOf(rules, group, plural)?.[0]?.type
  assert.is(first('', 'configmaps'), 'identity')
  assert.is(first('', 'secrets'), 'aesgcm')
  assert.is(first('apps', 'deployments'), 'aesgcm')
  assert.is(first('', 'pods'), 'aescbc')
  assert.is(first('batch', 'jobs'), undefined)
  assert.is(
    providersOf(parseEncryptionConfiguration(document(rule(['*.*'], aesgcm))), 'batch', 'jobs')
      ?.length,
    1,
  )
})

test('what cannot be used is refused with its path', () => {
  assert.match(refused(undefined), /the document must be an object/)
  assert.match(refused({ kind: 'Policy', apiVersion: 'v1' }), /it says Policy of v1/)
  assert.match(refused(document({})), /resources\[0\].resources must be a list/)
  assert.match(refused(document(rule(['secrets'], { kms: { name: 'x' } }))), /kms is not supported/)
  assert.match(
    refused(document(rule(['secrets'], { secretbox: {} }))),
    /secretbox is not supported/,
  )
  const short = { aesgcm: { keys: [{ name: 'a', secret: 'YWJj' }] } }
  assert.match(
    refused(document(rule(['secrets'], { identity: {} }, short))),
    /resources\[0\].providers\[1\].aesgcm.keys\[0\].secret must be base64 of 16, 24 or 32 bytes, it has 3/,
  )
  const named = { aesgcm: { keys: [{ name: 'a:b', secret }] } }
  assert.match(refused(document(rule(['secrets'], named))), /name must be a word without colons/)
  assert.match(refused(document(rule(['secrets'], { aesgcm: { keys: [] } }))), /has no keys/)
})

test.run()
