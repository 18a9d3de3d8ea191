import { X509Certificate } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { coversNames, createAuthority, issueCertificate } from '../../src/node/pki.ts'

const NOW = Date.parse('2030-01-01T00:00:00Z')

test('a serving certificate is signed by the authority and names what was asked for', async () => {
  const authority = await createAuthority('kubernetes', NOW)
  const names = ['localhost', '127.0.0.1', '10.96.0.1']
  const serving = await issueCertificate(authority, {
    subject: { commonName: 'kube-apiserver' },
    usage: 'server',
    names,
    nowMs: NOW,
  })
  const certificate = new X509Certificate(serving.certificate)
  assert.ok(certificate.verify(new X509Certificate(authority.certificate).publicKey))
  assert.is(certificate.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, IP Address:10.96.0.1')
  assert.ok(coversNames(serving.certificate, names, NOW))
  assert.not.ok(coversNames(serving.certificate, ['example.org'], NOW))
})

test('a client certificate carries its user and groups', async () => {
  const authority = await createAuthority('kubernetes', NOW)
  const { certificate } = await issueCertificate(authority, {
    subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
    usage: 'client',
    nowMs: NOW,
  })
  assert.is(new X509Certificate(certificate).subject, 'O=system:masters\nCN=kubernetes-admin')
})

test.run()
