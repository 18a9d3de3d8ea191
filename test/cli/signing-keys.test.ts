/**
 * The files of service accounts' signing keys, through a rotation and what can cut it short.
 */
import {
  copyFileSync,
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
import { ensureCertificates } from '../../src/cli/certificates.ts'
import {
  dropSigningKeys,
  prepareSigningKey,
  promoteSigningKey,
  readServiceAccountKeys,
  signingKeyStates,
} from '../../src/cli/signing-keys.ts'
import { type StateFolder, stateFolder } from '../../src/cli/state-folder.ts'
import { readSigningKey, readVerifyingKey } from '../../src/std/json-web-token.ts'

const NOW = Date.UTC(2026, 0, 1)
const DAY_MS = 24 * 3600_000

const inFolder = async (act: (folder: StateFolder) => Promise<void>) => {
  const root = mkdtempSync(join(tmpdir(), 'kubus-signing-keys-'))
  try {
    const folder = stateFolder(root)
    await ensureCertificates(folder, NOW, { serviceCidr: '10.96.0.0/16' })
    await act(folder)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const files = (folder: StateFolder) =>
  readdirSync(folder.pki('')).filter((file) => file.startsWith('sa'))
const shown = (folder: StateFolder) =>
  signingKeyStates(folder).map(({ id, role }) => `${role} ${id.slice(0, 8)}`)
/** Ids of those that apiservers read: the signing one, then the others. */
const read = (folder: StateFolder) => {
  const { serviceAccountKey, otherServiceAccountKeys = [] } = readServiceAccountKeys(folder)
  readSigningKey(serviceAccountKey)
  return [serviceAccountKey, ...otherServiceAccountKeys].map((pem) => readVerifyingKey(pem).id)
}
const all = () => true
const refusal = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it was not refused')
}

test('the next key verifies, then signs; the former one verifies for a year and is then only public', () =>
  inFolder(async (folder) => {
    const [first] = signingKeyStates(folder)
    assert.is(first?.madeMs, NOW)
    assert.is(first?.role, 'signing')

    const next = await prepareSigningKey(folder, NOW + DAY_MS)
    assert.is(next.madeMs, NOW + DAY_MS)
    assert.equal(read(folder), [first!.id, next.id])
    assert.equal(await prepareSigningKey(folder, NOW + 2 * DAY_MS), next)

    await promoteSigningKey(folder, NOW + 3 * DAY_MS)
    assert.equal(read(folder), [next.id, first!.id])
    const [signing, former] = signingKeyStates(folder)
    assert.equal([signing?.role, signing?.id, signing?.madeMs], ['signing', next.id, NOW + DAY_MS])
    assert.equal([former?.role, former?.id, former?.madeMs], ['former', first!.id, NOW])
    assert.ok(former!.untilMs! > NOW + 368 * DAY_MS)
    assert.not(readFileSync(folder.pki(former!.file), 'utf8').includes('PRIVATE'))
    assert.equal(files(folder).sort(), [`sa-${first!.id}.pub`, 'sa.key'])
    for (const file of files(folder)) assert.is(statSync(folder.pki(file)).mode & 0o777, 0o600)
  }))

test('a former key is dropped when it is chosen; the one that signs and the next one never are', () =>
  inFolder(async (folder) => {
    const [first] = signingKeyStates(folder)
    await prepareSigningKey(folder, NOW)
    await promoteSigningKey(folder, NOW)
    const second = signingKeyStates(folder)[0]!
    await prepareSigningKey(folder, NOW)
    await promoteSigningKey(folder, NOW)
    await prepareSigningKey(folder, NOW)
    assert.is(signingKeyStates(folder).length, 4)
    const only = await dropSigningKeys(folder, NOW, ({ id }) => id === second.id)
    assert.equal(
      only.map(({ id }) => id),
      [second.id],
    )
    const rest = await dropSigningKeys(folder, NOW, all)
    assert.equal(
      rest.map(({ id }) => id),
      [first!.id],
    )
    assert.equal(files(folder).sort(), ['sa-next.key', 'sa.key'])
    assert.equal(await dropSigningKeys(folder, NOW, all), [])
  }))

test('without a next key nothing takes over', () =>
  inFolder(async (folder) => {
    const before = shown(folder)
    await promoteSigningKey(folder, NOW)
    assert.equal(shown(folder), before)
    assert.equal(files(folder), ['sa.key'])
  }))

test('a step that was cut short is done again, and shows no key twice', () =>
  inFolder(async (folder) => {
    const [first] = signingKeyStates(folder)
    const next = await prepareSigningKey(folder, NOW)
    // After the former key was kept, before the next one took over.
    const { publicKey } = readVerifyingKey(readFileSync(folder.pki('sa.key'), 'utf8'))
    const pem = publicKey.export({ type: 'spki', format: 'pem' })
    writeFileSync(folder.pki(`sa-${first!.id}.pub`), pem)
    assert.equal(shown(folder), [`signing ${first!.id.slice(0, 8)}`, `next ${next.id.slice(0, 8)}`])
    assert.equal(await dropSigningKeys(folder, NOW, all), [])
    await promoteSigningKey(folder, NOW)
    assert.equal(read(folder), [next.id, first!.id])
    // After the next one took over, before its own file was removed.
    copyFileSync(folder.pki('sa.key'), folder.pki('sa-next.key'))
    assert.is(signingKeyStates(folder).length, 2)
    const another = await prepareSigningKey(folder, NOW)
    assert.not.equal(another.id, next.id)
    assert.is(another.role, 'next')
  }))

test('what an operator puts there is a key until it is removed, and must be one of RSA', () =>
  inFolder(async (folder) => {
    const other = await prepareSigningKey(folder, NOW)
    const { publicKey } = readVerifyingKey(readFileSync(folder.pki(other.file), 'utf8'))
    rmSync(folder.pki(other.file))
    const pem = publicKey.export({ type: 'spki', format: 'pem' })
    writeFileSync(folder.pki('sa-of-another-cluster.pub'), pem)
    const [, own] = signingKeyStates(folder)
    assert.equal([own?.role, own?.id, own?.untilMs], ['former', other.id, undefined])
    writeFileSync(folder.pki('sa-broken.pub'), 'nonsense')
    assert.match(
      refusal(() => readServiceAccountKeys(folder)),
      /sa-broken\.pub is not usable: /,
    )
  }))

test('one command at a time replaces the key, and only where it is', () =>
  inFolder(async (folder) => {
    writeFileSync(folder.pki('signing-keys.lock'), String(NOW))
    const messages: string[] = []
    const note = (error: Error) => messages.push(error.message)
    await prepareSigningKey(folder, NOW).catch(note)
    rmSync(folder.pki('signing-keys.lock'))
    rmSync(folder.pki('sa.key'))
    await prepareSigningKey(folder, NOW).catch(note)
    assert.is(messages[0], 'somebody else replaces the signing key at this moment')
    assert.match(messages[1]!, /sa\.key is not on this host$/)
    assert.equal(signingKeyStates(folder), [])
  }))

test.run()
