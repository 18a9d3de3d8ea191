/**
 * Replacing the key of service accounts' tokens where masters have state folders of their own: three apiservers, of
 * which the second is another host's.
 */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureCertificates } from '../../src/cli/certificates.ts'
import { followServing, readServing } from '../../src/cli/serving.ts'
import { dropFormer, prepareNext, replaceSigningKey } from '../../src/cli/signing-key-rotation.ts'
import { signingKeyStates } from '../../src/cli/signing-keys.ts'
import { type ClusterConfig, stateFolder } from '../../src/cli/state-folder.ts'
import { type Clock, systemClock } from '../../src/std/clock.ts'
import { startTestApiserver, type TestApiserver } from '../support/api-server.ts'
import { freePortBlock } from '../support/cluster.ts'
import { memoryStorage } from '../support/memory-storage.ts'

const root = mkdtempSync(join(tmpdir(), 'kubus-rotation-'))
const here = stateFolder(join(root, 'here'))
const there = stateFolder(join(root, 'there'))
const apiPort = await freePortBlock(3)
const settings = { masters: 3, apiPort } as ClusterConfig
const config = { ...settings, hosts: ['127.0.0.1', 'localhost', '127.0.0.1'] }
/** A minute of patience is less than a second. */
const clock: Clock = { ...systemClock, monotonic: () => performance.now() * 100 }
const rotation = { folder: here, config, clock }
const servers: TestApiserver[] = []
const endings: (() => void)[] = []

test.before(async () => {
  await ensureCertificates(here, Date.now(), { serviceCidr: '10.96.0.0/16' })
  mkdirSync(there.root, { recursive: true })
  cpSync(here.pki(''), there.pki(''), { recursive: true })
  const storage = memoryStorage()
  for (const [index, folder] of [here, there, here].entries()) {
    const serving = await readServing(folder)
    const api = await startTestApiserver(storage, undefined, apiPort + index, index + 1)
    await api.present(serving)
    const ports = { clock: systemClock, log: pino({ level: 'silent' }) }
    endings.push(followServing(folder, serving, api as never, ports))
    servers.push(api)
  }
})
test.after(async () => {
  for (const end of endings) end()
  for (const api of servers) await api.stop()
  rmSync(root, { recursive: true })
})

const roles = (folder: typeof here) =>
  signingKeyStates(folder)
    .map(({ role }) => role)
    .join()
const fault = async (asked: Promise<unknown>): Promise<string> => {
  try {
    await asked
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it was not refused')
}

test('nobody makes a key of this host alone sign', async () => {
  assert.match(
    await fault(replaceSigningKey(rotation)),
    /^the masters are on several hosts: say prep/,
  )
  const { id } = await prepareNext(rotation)
  assert.is(
    await fault(replaceSigningKey(rotation)),
    `the apiserver at localhost:${apiPort + 1} does not verify by the next key: is pki/sa-next.key in its state folder?`,
  )
  assert.is(roles(here), 'signing,next')
  assert.is((await prepareNext(rotation)).id, id)
})

test('a copied key signs on one host, then on the other', async () => {
  copyFileSync(here.pki('sa-next.key'), there.pki('sa-next.key'))
  const id = await replaceSigningKey(rotation)
  assert.is(signingKeyStates(here)[0]?.id, id)
  assert.is(roles(there), 'signing,next')
  assert.is(
    await fault(dropFormer(rotation)),
    `the apiserver at localhost:${apiPort + 1} still signs with a former key: say replace-signing-key on its host`,
  )
  assert.is(await replaceSigningKey({ ...rotation, folder: there }), id)
  assert.is(roles(there), 'signing,former')
})

test('former keys are dropped on each host', async () => {
  assert.is((await dropFormer(rotation)).length, 1)
  assert.is((await dropFormer({ ...rotation, folder: there })).length, 1)
  assert.equal([roles(here), roles(there)], ['signing', 'signing'])
  assert.equal(await dropFormer(rotation), [])
})

test('a host that is away holds the next key up, and not that a former one is dropped', async () => {
  const next = await prepareNext(rotation)
  copyFileSync(here.pki(next.file), there.pki(next.file))
  await replaceSigningKey(rotation)
  await replaceSigningKey({ ...rotation, folder: there })
  await servers[1]!.stop()
  await prepareNext(rotation)
  assert.is(
    await fault(replaceSigningKey(rotation)),
    `the apiserver at localhost:${apiPort + 1} does not answer`,
  )
  assert.is((await dropFormer(rotation)).length, 1)
})

test('of one folder’s masters those that do not run will read it when they start', async () => {
  const [former] = signingKeyStates(here)
  const id = await replaceSigningKey({ ...rotation, config: settings })
  assert.not.equal(id, former?.id)
  assert.is(roles(here), 'signing,former')
  assert.equal(
    (await dropFormer({ ...rotation, config: settings })).map((key) => key.id),
    [former?.id],
  )
})

test.run()
