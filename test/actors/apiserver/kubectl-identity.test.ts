/**
 * The real kubectl as every sort of identity, and certificates that it asks for, approves and uses.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { requestSigner } from '../../../src/actors/controllers/certificates/signer.ts'
import { createControllerGroup } from '../../../src/actors/controllers/group.ts'
import { validityOf } from '../../../src/api/certificates/signers.ts'
import { createClient } from '../../../src/client/bus-client.ts'
import { certificateFacts } from '../../../src/node/certificate-facts.ts'
import { signRequest } from '../../../src/node/pki.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { TOKEN } from '../../support/api-server.ts'
import { certificateRequest } from '../../support/certificate-request.ts'
import { startControlPlane } from '../../support/control-plane.ts'

const LOG = pino({ level: 'silent' })
const plane = await startControlPlane()
const { api, bus, dir, kubectl } = plane
const { authority } = api.pki
const signer = requestSigner({
  sign: ({ der }, { usages, expirationSeconds, nowMs }) => {
    const { notAfterMs } = certificateFacts(authority.certificate)
    const validity = validityOf(nowMs, expirationSeconds, notAfterMs)
    return signRequest(authority, der, { usages, validity })
  },
})
const client = createClient({ bus, clock: systemClock, log: LOG })
const { cache } = api.storage
const group = createControllerGroup([signer], { cache, client, clock: systemClock, log: LOG })
const revision = await api.storage.takeFence('controllers', 0, 'test')
group.lead({ component: 'controllers', revision })

const ca = join(dir, 'ca.crt')
await writeFile(ca, authority.certificate)

/** kubectl with these credentials and no others. */
const as = (credentials: string[], ...args: string[]) =>
  kubectl(
    [
      `--server=https://127.0.0.1:${api.port}`,
      `--certificate-authority=${ca}`,
      ...credentials,
      ...args,
    ],
    { env: { KUBECONFIG: '/dev/null' } },
  )
const whoami = async (...credentials: string[]) =>
  JSON.parse(await as(credentials, 'auth', 'whoami', '-o', 'json')).status.userInfo

const manifest = (name: string, request: string) =>
  JSON.stringify({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: {
      request,
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
      expirationSeconds: 3600,
    },
  })

const failure = async (running: Promise<unknown>): Promise<string> => {
  try {
    return `it succeeded: ${await running}`
  } catch (error) {
    return (error as Error).message
  }
}

test('a certificate that was approved with kubectl is its user', async () => {
  const { request, key } = await certificateRequest('jane', ['staff'])
  await kubectl(['create', '-f', '-'], { input: manifest('jane', request) })
  assert.match(await kubectl(['get', 'csr', 'jane']), /kube-apiserver-client +admin +60m +Pending/)
  await kubectl(['certificate', 'approve', 'jane'])
  await kubectl(['wait', 'csr/jane', '--for=jsonpath={.status.certificate}', '--timeout=10s'])
  assert.match(await kubectl(['get', 'csr', 'jane']), /Approved,Issued/)
  const encoded = await kubectl(['get', 'csr', 'jane', '-o', 'jsonpath={.status.certificate}'])
  await writeFile(join(dir, 'jane.crt'), Buffer.from(encoded, 'base64'))
  await writeFile(join(dir, 'jane.key'), key)
  const flags = ['jane.crt', 'jane.key'].map((file) => join(dir, file))
  const user = await whoami(`--client-certificate=${flags[0]}`, `--client-key=${flags[1]}`)
  assert.is(user.username, 'jane')
  assert.equal(user.groups, ['staff', 'system:authenticated'])
})

test('one that was denied is never issued', async () => {
  const { request } = await certificateRequest('mallory')
  await kubectl(['create', '-f', '-'], { input: manifest('mallory', request) })
  await kubectl(['certificate', 'deny', 'mallory'])
  assert.match(await kubectl(['get', 'csr', 'mallory']), /Denied\n/)
  assert.match(
    await failure(kubectl(['certificate', 'approve', 'mallory'])),
    /certificate signing request "mallory" is already Denied/,
  )
})

test('tokens of every sort say who holds them', async () => {
  assert.is((await whoami(`--token=${TOKEN}`)).username, 'robot')
  await kubectl(['create', 'serviceaccount', 'bot'])
  const token = (await kubectl(['create', 'token', 'bot'])).trim()
  const account = await whoami(`--token=${token}`)
  assert.is(account.username, 'system:serviceaccount:default:bot')
  assert.ok(account.uid)
  await kubectl([
    ...['-n', 'kube-system', 'create', 'secret', 'generic', 'bootstrap-token-abcdef'],
    '--type=bootstrap.kubernetes.io/token',
    '--from-literal=token-id=abcdef',
    '--from-literal=token-secret=0123456789abcdef',
    '--from-literal=usage-bootstrap-authentication=true',
  ])
  const joining = '--token=abcdef.0123456789abcdef'
  assert.is((await whoami(joining)).username, 'system:bootstrap:abcdef')
  await kubectl(['-n', 'kube-system', 'delete', 'secret', 'bootstrap-token-abcdef'])
  assert.match(await failure(whoami(joining)), /Unauthorized/)
  await kubectl(['delete', 'serviceaccount', 'bot'])
  assert.match(await failure(whoami(`--token=${token}`)), /Unauthorized/)
})

test('somebody else may be played by who may do that, and by nobody else', async () => {
  const admin = ['admin.crt', 'admin.key'].map((file) => join(dir, file))
  const flags = [`--client-certificate=${admin[0]}`, `--client-key=${admin[1]}`]
  const played = await whoami(...flags, '--as=jane', '--as-group=devs')
  assert.equal(played.groups, ['devs', 'system:authenticated'])
  const token = (await kubectl(['create', 'token', 'default'])).trim()
  const why = await failure(whoami(`--token=${token}`, '--as=jane'))
  assert.match(why, /you do not have permission/)
})

test.after(async () => {
  await group.stop()
  await plane.stop()
})
test.run()
