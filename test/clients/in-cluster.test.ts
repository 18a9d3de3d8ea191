/**
 * Programs in real containers speak to the API with what their pod was given: Kubernetes' Go client and its
 * JavaScript client, by their in-cluster configuration; and what tokens of pods are worth when.
 *
 * Programs come into their containers from the host's file system: there is no image to build.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { findProgram } from '../../src/node/command.ts'
import { parseLibraries } from '../../src/node/system-image.ts'
import { eventually, run, startCluster, type TestCluster } from '../support/cluster.ts'
import { ensureTestImage, TEST_IMAGE } from '../support/images.ts'

const test = suite('programs in pods')

/** With what it compiles on the first run. */
const COMPILE_MS = 7 * 60_000
const TOKEN_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount'

let cluster: TestCluster
let folder: string

const kubectl = (...args: string[]) => cluster.kubectl(args)
const apply = (...objects: object[]) =>
  cluster.kubectl(
    ['apply', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  )

interface Program {
  command: string[]
  /** Folders of the host that it needs, at the same paths. */
  folders: string[]
}

const podOf = (name: string, { command, folders }: Program, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 1,
    ...spec,
    volumes: folders.map((path, index) => ({ name: `host-${index}`, hostPath: { path } })),
    containers: [
      {
        name: 'main',
        image: TEST_IMAGE,
        imagePullPolicy: 'IfNotPresent',
        command,
        volumeMounts: folders.map((mountPath, index) => ({
          name: `host-${index}`,
          mountPath,
          readOnly: true,
        })),
      },
    ],
  },
})

const mayRead = (account: string) => [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'reader' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: `${account}-reads` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: 'default' }],
  },
]

const account = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name },
})

const STAY: Program = {
  command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
  folders: [],
}

const compileGo = async (): Promise<Program> => {
  if (!findProgram('go'))
    throw new Error('Go 1.21 or newer is needed for these tests: https://go.dev/dl/')
  const program = join(folder, 'go')
  const { code, stderr } = await run(
    'go',
    ['-C', resolve('test/clients/client-go'), 'build', '-o', program, './in-cluster'],
    { env: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' }, timeoutMs: COMPILE_MS },
  )
  assert.is(code, 0, stderr)
  return { command: [program], folders: [folder] }
}

/** This Node.js with its libraries, and the client in one file. */
const bundleJavascript = async (): Promise<Program> => {
  const outfile = join(folder, 'program.mjs')
  await build({
    entryPoints: [resolve('test/clients/in-cluster-program.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    banner: {
      js: "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)",
    },
  })
  const node = realpathSync(process.execPath)
  const { stdout } = await run('ldd', [node])
  const libraries = new Set(parseLibraries(stdout).map((path) => dirname(path)))
  return { command: [node, outfile], folders: [folder, dirname(node), ...libraries] }
}

const lastLine = async (pod: string) => (await kubectl('logs', pod)).trim().split('\n').at(-1) ?? ''

const says = (pod: string, what: RegExp) =>
  eventually(async () => {
    const line = await lastLine(pod)
    if (!what.test(line)) throw new Error(line)
    return line
  }, `${pod} prints ${what}`)

const ready = (...pods: string[]) =>
  kubectl('wait', '--for=condition=Ready', ...pods.map((pod) => `pod/${pod}`), '--timeout=60s')

/** The status with which the API answers to a token, for itself. */
const answerTo = (token: string): Promise<number> =>
  new Promise((done, fail) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: cluster.apiPort,
        path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        method: 'POST',
        rejectUnauthorized: false,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      },
      (response) => {
        response.resume()
        done(response.statusCode ?? 0)
      },
    )
    sent.on('error', fail)
    sent.end('{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}')
  })

test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kubus-in-cluster-'))
  await ensureTestImage()
  cluster = await startCluster()
})

test.after(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test("Kubernetes' Go client reads pods from a container as soon as a role says so", async () => {
  const program = await compileGo()
  await apply(account('go'), podOf('go', program, { serviceAccountName: 'go' }))
  await says(
    'go',
    /^refused Forbidden: pods is forbidden: User "system:serviceaccount:default:go" cannot list resource "pods" in API group "" in the namespace "default"$/,
  )
  await apply(...mayRead('go'))
  await says('go', /^pods go/)
  await kubectl('delete', 'rolebinding', 'go-reads')
  await says('go', /^refused Forbidden/)
})

test('the JavaScript client reads pods from a container if a role says so', async () => {
  const program = await bundleJavascript()
  await apply(
    account('js'),
    account('nobody'),
    ...mayRead('js'),
    podOf('js', program, { serviceAccountName: 'js' }),
    podOf('js-refused', program, { serviceAccountName: 'nobody' }),
  )
  await says('js', /^pods .*js,js-refused/)
  await says(
    'js-refused',
    /^refused 403: pods is forbidden: User "system:serviceaccount:default:nobody"/,
  )
})

test('a container finds token, certificate and namespace where clients look for them', async () => {
  await apply(
    podOf('files', STAY),
    podOf('group', STAY, { securityContext: { fsGroup: 2000 } }),
    podOf('user', STAY, { securityContext: { runAsUser: 1000, runAsGroup: 3000 } }),
    podOf('without', STAY, { automountServiceAccountToken: false }),
  )
  await ready('files', 'group', 'user', 'without')
  const shell = (pod: string, script: string) => kubectl('exec', pod, '--', 'sh', '-c', script)
  const modes = (pod: string) => shell(pod, `cd ${TOKEN_FOLDER}; stat -L -c '%n %a %u %g' *`)
  assert.is(await modes('files'), 'ca.crt 644 0 0\nnamespace 644 0 0\ntoken 644 0 0\n')
  assert.is(await modes('group'), 'ca.crt 644 0 2000\nnamespace 644 0 2000\ntoken 640 0 2000\n')
  assert.is(await modes('user'), 'ca.crt 644 0 0\nnamespace 644 0 0\ntoken 600 1000 0\n')
  assert.match(await shell('user', `cat ${TOKEN_FOLDER}/token`), /^ey.*\..*\./)
  assert.is(await shell('files', `cat ${TOKEN_FOLDER}/namespace`), 'default')
  assert.match(await shell('files', `cat ${TOKEN_FOLDER}/ca.crt`), /^-----BEGIN CERTIFICATE-----/)
  assert.match(
    await shell('files', `echo x > ${TOKEN_FOLDER}/x || true; ls ${TOKEN_FOLDER}`),
    'token',
  )
  assert.match(await shell('without', `ls ${TOKEN_FOLDER} 2>&1 || true`), 'No such file')
})

test('a token tells its pod and its node, and is worth nothing when the pod has gone', async () => {
  await apply(podOf('mortal', STAY))
  await ready('mortal')
  const token = await kubectl('exec', 'mortal', '--', 'cat', `${TOKEN_FOLDER}/token`)
  assert.is(await answerTo(token), 201)
  const review = JSON.parse(
    await cluster.kubectl(
      ['create', '-o', 'json', '-f', '-'],
      JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        metadata: { name: 'review' },
        spec: { token },
      }),
    ),
  ) as { status: { user: { username: string; extra: Record<string, string[]> } } }
  const { username, extra } = review.status.user
  assert.is(username, 'system:serviceaccount:default:default')
  const told = (key: string) => extra[`authentication.kubernetes.io/${key}`]
  assert.equal(told('pod-name'), ['mortal'])
  assert.equal(told('node-name'), ['node-1'])
  assert.match(told('credential-id')![0]!, /^JTI=/)
  const uid = await kubectl('get', 'pod', 'mortal', '-o', 'jsonpath={.metadata.uid}')
  assert.equal(told('pod-uid'), [uid])
  await kubectl('delete', 'pod', 'mortal', '--grace-period=1')
  assert.is(await answerTo(token), 401)
})

test('a Secret of an account is filled with a token, and ends with the account', async () => {
  await apply(account('old'), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'old', annotations: { 'kubernetes.io/service-account.name': 'old' } },
    type: 'kubernetes.io/service-account-token',
  })
  const token = await eventually(
    () => kubectl('get', 'secret', 'old', '-o', 'jsonpath={.data.token}'),
    'the token is in its Secret',
  )
  const text = Buffer.from(token, 'base64').toString()
  assert.is(await answerTo(text), 201)
  await eventually(
    () => kubectl('get', 'secret', 'old', '-o', 'jsonpath={.metadata.labels}'),
    'its use is written down',
  )
  await kubectl('delete', 'serviceaccount', 'old')
  assert.is(await answerTo(text), 401)
  await eventually(
    async () => (await cluster.tryKubectl(['get', 'secret', 'old'])).code !== 0,
    'the Secret goes with its account',
  )
})

test.run()
