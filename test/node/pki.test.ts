import { X509Certificate } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadParser, parseRequest } from '../../src/api/certificates/certificate-request.ts'
import { certificateFacts, renewalTimeMs } from '../../src/node/certificate-facts.ts'
import {
  createAuthority,
  issueCertificate,
  renewCertificate,
  signRequest,
} from '../../src/node/pki.ts'
import { JANE, RSA } from '../api/certificates/requests.ts'
import { certificateRequest } from '../support/certificate-request.ts'

const NOW = Date.parse('2030-01-01T00:00:00Z')
const DAY_MS = 24 * 3600_000

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
  assert.equal(certificateFacts(serving.certificate).names, names)
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

test('a renewed certificate says what the former said, with a key of its own and for as long', async () => {
  const authority = await createAuthority('kubernetes', NOW)
  const former = await issueCertificate(authority, {
    subject: { commonName: 'nats', organizations: ['servers'] },
    usage: 'peer',
    names: ['localhost', '127.0.0.1'],
    nowMs: NOW,
    lifetimeMs: 10 * DAY_MS,
  })
  const later = NOW + 8 * DAY_MS
  const renewed = await renewCertificate(authority, former.certificate, later)
  const [before, after] = [former, renewed].map(
    ({ certificate }) => new X509Certificate(certificate),
  )
  assert.is(after!.subject, before!.subject)
  assert.is(after!.subjectAltName, before!.subjectAltName)
  assert.equal(after!.keyUsage, before!.keyUsage)
  assert.not.equal(renewed.key, former.key)
  const facts = certificateFacts(renewed.certificate)
  assert.is(facts.notAfterMs, later + 10 * DAY_MS)
  assert.ok(facts.matches(renewed.key))
  assert.not.ok(facts.matches(former.key))
  assert.ok(facts.isSignedBy(authority.certificate))
})

test('a certificate never outlives its authority, and is renewed at four fifths of its life', async () => {
  const authority = await createAuthority('kubernetes', NOW, 5 * DAY_MS)
  const { certificate } = await issueCertificate(authority, {
    subject: { commonName: 'x' },
    usage: 'client',
    nowMs: NOW,
  })
  const facts = certificateFacts(certificate)
  assert.is(facts.notAfterMs, NOW + 5 * DAY_MS)
  const lifeMs = facts.notAfterMs - facts.notBeforeMs
  assert.is(renewalTimeMs(facts), facts.notBeforeMs + 0.8 * lifeMs)
})

test('a request gets a certificate with its key and the usages that were approved', async () => {
  await loadParser()
  const authority = await createAuthority('kubernetes', NOW)
  const validity = { notBeforeMs: NOW, notAfterMs: NOW + DAY_MS }
  for (const request of [JANE, RSA]) {
    const { der, commonName } = parseRequest(request)
    const usages = ['digital signature', 'key encipherment', 'client auth', 'any']
    const pem = await signRequest(authority, der, { usages, validity })
    const certificate = new X509Certificate(pem)
    assert.match(certificate.subject, `CN=${commonName}`)
    assert.equal(certificate.keyUsage, ['2.5.29.37.0', '1.3.6.1.5.5.7.3.2'])
    assert.is(certificate.ca, false)
    assert.is(Date.parse(certificate.validTo), NOW + DAY_MS)
    assert.ok(certificateFacts(pem).isSignedBy(authority.certificate))
  }
})

test('of a subject only what Kubernetes keeps is signed', async () => {
  await loadParser()
  const authority = await createAuthority('kubernetes', NOW)
  const attributes = { '2.5.4.6': 'DE', '2.5.4.11': 'unit', '1.3.6.1.4.1.57683.2': 'uid-1' }
  const { request } = await certificateRequest('jane', ['a', 'b'], [], attributes)
  const validity = { notBeforeMs: NOW, notAfterMs: NOW + DAY_MS }
  const { der } = parseRequest(request)
  const pem = await signRequest(authority, der, { usages: ['client auth'], validity })
  assert.equal(
    { ...new X509Certificate(pem).toLegacyObject().subject },
    { C: 'DE', O: ['a', 'b'], OU: 'unit', CN: 'jane' },
  )
})

test.run()
