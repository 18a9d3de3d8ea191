/**
 * Certificates of a cluster over the years, on a clock of the test's own.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  certificateStates,
  ensureCertificates,
  keepCertificates,
  renewCertificates,
} from '../../src/cli/certificates.ts'
import { type StateFolder, stateFolder } from '../../src/cli/state-folder.ts'
import { certificateFacts, splitBundle } from '../../src/node/certificate-facts.ts'
import { writeFileAtomically } from '../../src/node/files.ts'
import { createAuthority, issueCertificate } from '../../src/node/pki.ts'
import { rootLog } from '../../src/std/log.ts'
import { virtualClock } from '../support/virtual-clock.ts'

const NOW = Date.UTC(2026, 0, 1)
const DAY_MS = 24 * 3600_000
const SERVED = { serviceCidr: '10.96.0.0/16' }

const inFolder = async (act: (folder: StateFolder) => Promise<void>) => {
  const root = mkdtempSync(join(tmpdir(), 'kubus-certificates-'))
  try {
    await act(stateFolder(root))
  } finally {
    rmSync(root, { recursive: true })
  }
}

const read = (folder: StateFolder, name: string) => readFileSync(folder.pki(name), 'utf8')
const facts = (folder: StateFolder, name: string) => certificateFacts(read(folder, `${name}.crt`))
const isPair = (folder: StateFolder, name: string) =>
  facts(folder, name).matches(read(folder, `${name}.key`))

test('everything is made once, for nobody else to read', () =>
  inFolder(async (folder) => {
    await ensureCertificates(folder, NOW, SERVED)
    const files = readdirSync(folder.pki('')).sort()
    assert.equal(files, [
      'admin.crt',
      'admin.key',
      'apiserver.crt',
      'apiserver.key',
      'ca.crt',
      'ca.key',
      'front-proxy-ca.crt',
      'front-proxy-ca.key',
      'front-proxy-client.crt',
      'front-proxy-client.key',
      'nats.crt',
      'nats.key',
      'sa.key',
      'tokens.csv',
    ])
    for (const file of files) assert.is(statSync(folder.pki(file)).mode & 0o777, 0o600, file)
    const before = files.map((file) => read(folder, file))
    await ensureCertificates(folder, NOW + 200 * DAY_MS, SERVED)
    assert.equal(
      files.map((file) => read(folder, file)),
      before,
    )
  }))

test('a serving certificate that lacks a name is made anew', () =>
  inFolder(async (folder) => {
    await ensureCertificates(folder, NOW, SERVED)
    const admin = read(folder, 'admin.crt')
    await ensureCertificates(folder, NOW, { ...SERVED, hosts: ['api.example.org'] })
    assert.ok(facts(folder, 'apiserver').names.includes('api.example.org'))
    assert.is(read(folder, 'admin.crt'), admin)
  }))

test('a running master renews what is at four fifths of its life, whatever it is for', () =>
  inFolder(async (folder) => {
    const clock = virtualClock(NOW)
    await ensureCertificates(folder, NOW, SERVED)
    const authority = { certificate: read(folder, 'ca.crt'), key: read(folder, 'ca.key') }
    const node = await issueCertificate(authority, {
      subject: { commonName: 'system:node:a', organizations: ['system:nodes'] },
      usage: 'client',
      nowMs: NOW,
      lifetimeMs: 30 * DAY_MS,
    })
    writeFileAtomically(folder.pki('nodes/a.key'), node.key)
    writeFileAtomically(folder.pki('nodes/a.crt'), node.certificate)
    const renewed: string[] = []
    const end = keepCertificates(folder, {
      clock,
      log: rootLog,
      onRenewed: (names) => renewed.push(...names),
    })
    await clock.advance(23 * DAY_MS)
    assert.equal(renewed, [])
    for (let look = 0; look < 4; look++) {
      await clock.advance(DAY_MS / 2)
      // A lock as old as the next look would be nobody's.
      await settle(() => !existsSync(folder.pki('renewal.lock')))
    }
    assert.equal(renewed, ['nodes/a'])
    assert.ok(facts(folder, 'nodes/a').notAfterMs > NOW + 50 * DAY_MS)
    assert.ok(isPair(folder, 'nodes/a'))
    end()
  }))

test('renewed certificates are good, and of the same authority', () =>
  inFolder(async (folder) => {
    await ensureCertificates(folder, NOW, SERVED)
    const later = NOW + 300 * DAY_MS
    const names = await renewCertificates(folder, later)
    assert.equal(names.sort(), ['admin', 'apiserver', 'front-proxy-client', 'nats'])
    for (const name of names) {
      assert.ok(isPair(folder, name))
      assert.is(facts(folder, name).notAfterMs, later + 365 * DAY_MS)
      assert.is(statSync(folder.pki(`${name}.key`)).mode & 0o777, 0o600)
    }
    assert.ok(facts(folder, 'apiserver').isSignedBy(read(folder, 'ca.crt')))
    assert.ok(facts(folder, 'front-proxy-client').isSignedBy(read(folder, 'front-proxy-ca.crt')))
    assert.equal(await renewCertificates(folder, later), [])
  }))

test('an authority is succeeded by one that was trusted before it signed', () =>
  inFolder(async (folder) => {
    await ensureCertificates(folder, NOW, SERVED)
    const former = read(folder, 'ca.crt').trim()
    const lifeMs = 3650 * DAY_MS

    const prepared = NOW + 0.81 * lifeMs
    await renewCertificates(folder, prepared)
    const [signer, next, ...rest] = splitBundle(read(folder, 'ca.crt'))
    assert.is(signer, former)
    assert.ok(next)
    assert.equal(rest, [])
    assert.ok(facts(folder, 'admin').isSignedBy(former))

    const succeeded = NOW + 0.91 * lifeMs
    const names = await renewCertificates(folder, succeeded)
    assert.ok(names.includes('ca') && names.includes('admin') && names.includes('apiserver'))
    assert.equal(splitBundle(read(folder, 'ca.crt')), [next, former])
    assert.ok(isPair(folder, 'ca'))
    assert.ok(facts(folder, 'admin').isSignedBy(next!))
    assert.ok(facts(folder, 'apiserver').isSignedBy(next!))

    await renewCertificates(folder, NOW + 1.01 * lifeMs)
    assert.equal(splitBundle(read(folder, 'ca.crt')), [next])
  }))

test('an operator renews and replaces before it is due', () =>
  inFolder(async (folder) => {
    await ensureCertificates(folder, NOW, SERVED)
    const former = read(folder, 'ca.crt').trim()
    const before = read(folder, 'apiserver.crt')
    const all = await renewCertificates(folder, NOW + DAY_MS, { all: true })
    assert.equal(all.sort(), ['admin', 'apiserver', 'front-proxy-client', 'nats'])
    assert.not.equal(read(folder, 'apiserver.crt'), before)
    assert.equal(await renewCertificates(folder, NOW + DAY_MS, { succession: true }), ['ca'])
    const [signer, next] = splitBundle(read(folder, 'ca.crt'))
    assert.is(signer, former)
    const names = await renewCertificates(folder, NOW + DAY_MS, { succession: true })
    assert.equal(names.sort(), ['admin', 'apiserver', 'ca', 'nats'])
    assert.equal(splitBundle(read(folder, 'ca.crt')), [next, former])
    const states = certificateStates(folder).map(({ name, authority }) => `${name} ${authority}`)
    assert.equal(states.sort(), [
      'admin ca',
      'apiserver ca',
      'ca self',
      'front-proxy-ca self',
      'front-proxy-client front-proxy-ca',
      'nats ca',
    ])
  }))

test('of several processes one renews', () =>
  inFolder(async (folder) => {
    await ensureCertificates(folder, NOW, SERVED)
    const later = NOW + 300 * DAY_MS
    const results = await Promise.all([1, 2, 3].map(() => renewCertificates(folder, later)))
    assert.is(results.filter((names) => names.length > 0).length, 1)
    for (const name of ['admin', 'apiserver', 'front-proxy-client']) assert.ok(isPair(folder, name))
  }))

test('the lock of a process that died is nobody’s', () =>
  inFolder(async (folder) => {
    await ensureCertificates(folder, NOW, SERVED)
    const later = NOW + 300 * DAY_MS
    writeFileSync(folder.pki('renewal.lock'), String(later - 10_000))
    assert.equal(await renewCertificates(folder, later), [])
    assert.is((await renewCertificates(folder, later + 120_000)).length, 4)
  }))

test('a host without the authority’s key, and certificates of others, are left alone', () =>
  inFolder(async (folder) => {
    await ensureCertificates(folder, NOW, SERVED)
    const foreign = await createAuthority('somebody', NOW)
    const pair = await issueCertificate(foreign, {
      subject: { commonName: 'x' },
      usage: 'client',
      nowMs: NOW,
    })
    writeFileAtomically(folder.pki('x.crt'), pair.certificate)
    writeFileAtomically(folder.pki('x.key'), pair.key)
    rmSync(folder.pki('ca.key'))
    const names = await renewCertificates(folder, NOW + 300 * DAY_MS)
    assert.equal(names, ['front-proxy-client'])
  }))

const settle = async (condition: () => boolean) => {
  for (let turn = 0; turn < 10_000 && !condition(); turn++)
    await new Promise((resolve) => setTimeout(resolve, 1))
  await new Promise((resolve) => setImmediate(resolve))
}

test.run()
