/**
 * Former keys of service accounts are forgotten when nothing that they signed can still be good.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LASTING_TOKENS, lastingEntry } from '../../src/api/core/lasting-tokens.ts'
import { ensureCertificates } from '../../src/cli/certificates.ts'
import { dropOutlivedKeys, startRenewals } from '../../src/cli/renewals.ts'
import {
  prepareSigningKey,
  promoteSigningKey,
  readServiceAccountKeys,
  type SigningKeyState,
  signingKeyStates,
} from '../../src/cli/signing-keys.ts'
import { type StateFolder, stateFolder } from '../../src/cli/state-folder.ts'
import { readSigningKey, signTokenNow } from '../../src/std/json-web-token.ts'
import { type MemoryCache, memoryCache } from '../support/memory-cache.ts'
import { virtualClock } from '../support/virtual-clock.ts'

const NOW = Date.UTC(2026, 0, 1)
const DAY_MS = 24 * 3600_000
const AFTER = NOW + 366 * DAY_MS

const afterRotation = async (
  act: (at: {
    folder: StateFolder
    former: SigningKeyState
    token: string
    cache: MemoryCache
  }) => Promise<void>,
) => {
  const root = mkdtempSync(join(tmpdir(), 'kubus-renewals-'))
  try {
    const folder = stateFolder(root)
    await ensureCertificates(folder, NOW, { serviceCidr: '10.96.0.0/16' })
    const key = readSigningKey(readServiceAccountKeys(folder).serviceAccountKey)
    await prepareSigningKey(folder, NOW)
    await promoteSigningKey(folder, NOW)
    const former = signingKeyStates(folder)[1]!
    await act({ folder, former, token: signTokenNow({}, key), cache: memoryCache() })
  } finally {
    rmSync(root, { recursive: true })
  }
}
const metadata = (namespace: string, name: string) => ({
  namespace,
  name,
  uid: `uid-of-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
})
const idsDropped = async (folder: StateFolder, nowMs: number, cache: MemoryCache) =>
  (await dropOutlivedKeys(folder, nowMs, cache)).map(({ id }) => id)

test('a key is kept for the life of the tokens that kubelets ask for', () =>
  afterRotation(async ({ folder, former, cache }) => {
    assert.equal(await idsDropped(folder, NOW + 365 * DAY_MS, cache), [])
    assert.equal(await idsDropped(folder, AFTER, cache), [former.id])
    assert.equal(
      signingKeyStates(folder).map(({ role }) => role),
      ['signing'],
    )
  }))

test('the process of the controllers drops it by itself', () =>
  afterRotation(async ({ folder, former, cache }) => {
    const log = pino({ level: 'silent' })
    const renewals = startRenewals(folder, { clock: virtualClock(AFTER), log, cache })
    const isBusy = () =>
      existsSync(folder.pki(former.file)) || existsSync(folder.pki('renewal.lock'))
    for (let turn = 0; turn < 5000 && isBusy(); turn++)
      await new Promise((resolve) => setTimeout(resolve, 1))
    await renewals.stop()
    assert.equal(
      signingKeyStates(folder).map(({ role }) => role),
      ['signing'],
    )
  }))

test('a key is kept for a longer token that was written down', () =>
  afterRotation(async ({ folder, former, cache }) => {
    const { namespace, name } = LASTING_TOKENS
    const data = { [lastingEntry(former.id, Date.UTC(2030, 5, 1))]: '' }
    cache.put({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata(namespace, name),
      data,
    } as never)
    assert.equal(await idsDropped(folder, AFTER, cache), [])
    assert.equal(await idsDropped(folder, Date.UTC(2030, 11, 31), cache), [])
    assert.equal(await idsDropped(folder, Date.UTC(2031, 0, 1), cache), [former.id])
  }))

test('a key is kept as long as a Secret holds a token of it', () =>
  afterRotation(async ({ folder, former, token, cache }) => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/service-account-token',
      metadata: metadata('shop', 'kept'),
      data: { token: Buffer.from(token).toString('base64') },
    } as never
    cache.put(secret)
    assert.equal(await idsDropped(folder, AFTER + 1000 * DAY_MS, cache), [])
    cache.remove(secret)
    assert.equal(await idsDropped(folder, AFTER, cache), [former.id])
  }))

test.run()
