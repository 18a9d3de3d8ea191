/**
 * An apiserver follows the files of its state folder.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Credentials } from '../../src/actors/apiserver/apiserver.ts'
import { ensureCertificates, renewCertificates } from '../../src/cli/certificates.ts'
import { followServing, readServing } from '../../src/cli/serving.ts'
import { stateFolder } from '../../src/cli/state-folder.ts'
import { certificateFacts } from '../../src/node/certificate-facts.ts'
import { writeFileAtomically } from '../../src/node/files.ts'
import { issueCertificate } from '../../src/node/pki.ts'
import { systemClock } from '../../src/std/clock.ts'
import { startTestApiserver } from '../support/api-server.ts'

const root = mkdtempSync(join(tmpdir(), 'kubus-serving-'))
const folder = stateFolder(root)
await ensureCertificates(folder, Date.now(), { serviceCidr: '10.96.0.0/16' })
const initial = await readServing(folder)
const api = await startTestApiserver()
await api.present(initial)
const ports = { clock: systemClock, log: pino({ level: 'silent' }) }
const end = followServing(folder, initial, api as never, ports)

const TOKENS = folder.pki('tokens.csv')
const CONFIGURATION = folder.authentication('configuration.yaml')

const untilTrue = async (isTrue: () => Promise<boolean>) => {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await isTrue()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it did not come to pass')
}

/** What the apiserver shows to a client that trusts the folder's authority. */
const shown = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: api.port, ca: initial.tls.clientCa })
    socket.on('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.on('error', reject)
  })

/** The client's own check is by the test's authority: who asks is what counts here. */
const codeOf = (token: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: api.port, ca: initial.tls.clientCa }, () =>
      socket.end(
        `GET /version HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
      ),
    )
    let text = ''
    socket.on('data', (data) => {
      text += data
    })
    socket.on('end', () => resolve(Number(text.split(' ')[1])))
    socket.on('error', reject)
  })

const writeTokens = (...lines: string[]) => writeFileAtomically(TOKENS, `${lines.join('\n')}\n`)

test('a token that is written down is good, and no longer when it is struck out', async () => {
  writeTokens('t1,jane,7,"a,b"', 't2,joe,8')
  await untilTrue(async () => (await codeOf('t1')) === 200)
  assert.is(await codeOf('t2'), 200)
  writeTokens('t2,joe,8')
  await untilTrue(async () => (await codeOf('t1')) === 401)
  assert.is(await codeOf('t2'), 200)
})

test('a configuration that is wrong holds nothing else up', async () => {
  writeFileAtomically(CONFIGURATION, 'kind: Nonsense\n')
  writeTokens('t3,ann,9')
  await untilTrue(async () => (await codeOf('t3')) === 200)
  assert.is(await codeOf('t2'), 401)
  assert.is(await codeOf('none'), 401)
  rmSync(CONFIGURATION)
})

test('a configuration counts as soon as it is there', async () => {
  const anonymous = () => codeOf('').then((code) => code === 200)
  assert.ok(await anonymous())
  writeFileAtomically(
    CONFIGURATION,
    'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: false}\n',
  )
  await untilTrue(async () => !(await anonymous()))
  rmSync(CONFIGURATION)
  await untilTrue(anonymous)
})

test('a certificate that is renewed is shown; one without its key is not', async () => {
  const key = readFileSync(folder.pki('ca.key'), 'utf8')
  const before = await shown()
  const foreign = await issueCertificate(
    { certificate: initial.tls.clientCa, key },
    { subject: { commonName: 'half' }, usage: 'server', names: ['127.0.0.1'], nowMs: Date.now() },
  )
  writeFileAtomically(folder.pki('apiserver.crt'), foreign.certificate)
  writeTokens('t4,half,1')
  await untilTrue(async () => (await codeOf('t4')) === 200)
  assert.is(await shown(), before)
  const names = await renewCertificates(folder, Date.now())
  assert.equal(names, ['apiserver'], 'what a writer left half done is done again')
  await untilTrue(async () => (await shown()) !== before)
  const { tls }: Credentials = await readServing(folder)
  assert.ok(certificateFacts(tls.certificate).matches(tls.key))
})

test.after(async () => {
  end()
  await api.stop()
  rmSync(root, { recursive: true })
})
test.run()
