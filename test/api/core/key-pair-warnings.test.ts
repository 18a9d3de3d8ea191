/**
 * Certificates and keys that belong together, and those that do not.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keyPairWarnings } from '../../../src/api/core/key-pair-warnings.ts'
import { createSigningKey } from '../../../src/node/pki.ts'
import { testPki } from '../../support/api-server.ts'

const { server, admin } = await testPki()

test('a pair is nothing to warn of', () =>
  assert.equal(keyPairWarnings(server.certificate, server.key), []))

test("the key of another certificate, of another type or of nobody's is told", async () => {
  const [one, other] = [
    'tls: private key does not match public key',
    'tls: private key type does not match public key type',
  ]
  assert.equal(keyPairWarnings(server.certificate, admin.key), [one])
  const [warning] = keyPairWarnings(server.certificate, await createSigningKey())
  assert.ok(warning === one || warning === other, warning)
  const broken = '-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n'
  assert.equal(keyPairWarnings(server.certificate, broken), ['tls: failed to parse private key'])
})

test('what is no PEM, or in the wrong place, is told', () => {
  assert.equal(keyPairWarnings('', server.key), [
    'tls: failed to find any PEM data in certificate input',
  ])
  assert.equal(keyPairWarnings(server.certificate, ''), [
    'tls: failed to find any PEM data in key input',
  ])
  assert.equal(keyPairWarnings(server.key, server.certificate), [
    'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
  ])
  assert.equal(keyPairWarnings(server.certificate, server.certificate), [
    'tls: found a certificate rather than a key in the PEM for the private key',
  ])
})

test.run()
