/**
 * A webhook that runs in a pod of the cluster, behind a Service, and decides about what kubectl writes.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAuthority, issueCertificate } from '../../src/node/pki.ts'
import { systemClock } from '../../src/std/clock.ts'
import { aloud } from '../support/aloud.ts'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'
import { ensureTestImage, TEST_IMAGE } from '../support/images.ts'
import { type Manifest, manifest } from './support/kubectl.ts'

let cluster: TestCluster
let caBundle = ''
const kubectl = (...args: string[]) => cluster.kubectl(args)
const apply = (...objects: Manifest[]) =>
  cluster.kubectl(['apply', '-f', '-'], manifest(...objects))

/** The webhook: adds an annotation, and refuses what is named `forbidden`. */
const SERVER = `
const { createServer } = require('node:https')
const { readFileSync } = require('node:fs')
const at = (file) => readFileSync(__dirname + '/' + file)
createServer({ cert: at('hook.crt'), key: at('hook.key') }, (request, response) => {
  let text = ''
  request.on('data', (data) => { text += data })
  request.on('end', () => {
    const review = JSON.parse(text)
    const { uid, name } = review.request
    const patch = [{ op: 'add', path: '/metadata/annotations', value: { hooked: request.url } }]
    const answer = request.url.startsWith('/mutate')
      ? { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
      : { allowed: name !== 'forbidden', warnings: ['seen by the pod'], status: { message: 'that name is taken' } }
    response.end(JSON.stringify({ apiVersion: review.apiVersion, kind: review.kind, response: { uid, ...answer } }))
  })
}).listen(8443)
`

/** Node.js of this machine, and what it needs: the test image has no TLS. */
const foldersOf = (folder: string): string[] =>
  ['/lib', '/lib64', '/usr', dirname(process.execPath), folder].filter(
    (path, at, all) =>
      existsSync(path) &&
      !all.slice(0, at).some((each) => path.startsWith(`${each}/`) || path === each),
  )

const hookPod = (folder: string): Manifest => {
  const paths = foldersOf(folder)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'hook', labels: { app: 'hook' } },
    spec: {
      terminationGracePeriodSeconds: 0,
      volumes: paths.map((path, at) => ({ name: `folder-${at}`, hostPath: { path } })),
      containers: [
        {
          name: 'hook',
          image: TEST_IMAGE,
          command: [process.execPath, join(folder, 'hook.cjs')],
          volumeMounts: paths.map((mountPath, at) => ({
            name: `folder-${at}`,
            mountPath,
            readOnly: true,
          })),
          readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
        },
      ],
    },
  }
}

const configuration = (kind: string, path: string, failurePolicy: string): Manifest => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  metadata: { name: `${path}-hook` },
  webhooks: [
    {
      name: `${path}.hook.example.com`,
      clientConfig: { caBundle, service: { namespace: 'default', name: 'hook', path: `/${path}` } },
      rules: [
        { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] },
      ],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      failurePolicy,
      timeoutSeconds: 5,
    },
  ],
})

test.before(
  aloud(async () => {
    await ensureTestImage()
    cluster = await startCluster(['--nodes', '1'])
    const nowMs = systemClock.now()
    const authority = await createAuthority('hook-ca', nowMs)
    const pair = await issueCertificate(authority, {
      subject: { commonName: 'hook' },
      usage: 'server',
      names: ['hook.default.svc'],
      nowMs,
    })
    caBundle = Buffer.from(authority.certificate).toString('base64')
    const folder = join(cluster.data, 'hook')
    mkdirSync(folder)
    writeFileSync(join(folder, 'hook.crt'), pair.certificate)
    writeFileSync(join(folder, 'hook.key'), pair.key)
    writeFileSync(join(folder, 'hook.cjs'), SERVER)
    await apply(hookPod(folder), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'hook' },
      spec: { selector: { app: 'hook' }, ports: [{ port: 443, targetPort: 8443 }] },
    })
    await kubectl('wait', '--for=condition=Ready', 'pod/hook', '--timeout=60s')
    await apply(
      configuration('MutatingWebhookConfiguration', 'mutate', 'Fail'),
      configuration('ValidatingWebhookConfiguration', 'validate', 'Fail'),
    )
  }),
)

test.after(async () => {
  await cluster?.stop()
})

test('a pod behind a Service changes and refuses what is written', async () => {
  const made = await cluster.tryKubectl(['create', 'configmap', 'fine'])
  assert.is(made.code, 0, made.stderr)
  assert.match(made.stderr, 'Warning: seen by the pod')
  const hooked = await kubectl('get', 'configmap', 'fine', '-o', 'jsonpath={.metadata.annotations}')
  assert.equal(JSON.parse(hooked), { hooked: '/mutate?timeout=5s' })
  const refused = await cluster.tryKubectl(['create', 'configmap', 'forbidden'])
  assert.is(refused.code, 1)
  assert.match(
    refused.stderr,
    'admission webhook "validate.hook.example.com" denied the request: that name is taken',
  )
})

test('without the pod, writes fail or go on, as the failure policy says', async () => {
  await kubectl('delete', 'pod', 'hook')
  const failure = async () => {
    const trial = ['create', 'configmap', 'later', '--dry-run=server']
    return (await cluster.tryKubectl(trial)).stderr
  }
  await eventually(async () => (await failure()).includes('no endpoints'), 'the end of the pod')
  assert.match(
    await failure(),
    'failed calling webhook "mutate.hook.example.com": failed to call webhook: Post "https://hook.default.svc:443/mutate?timeout=5s": no endpoints available for service "hook"',
  )
  await apply(
    configuration('MutatingWebhookConfiguration', 'mutate', 'Ignore'),
    configuration('ValidatingWebhookConfiguration', 'validate', 'Ignore'),
  )
  await kubectl('create', 'configmap', 'later')
})

test.run()
