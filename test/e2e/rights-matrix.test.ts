/**
 * Every door × every kind of identity × what is allowed and what is not, from one table.
 *
 * Doors: HTTPS, the bus, a kubelet behind `nodes/proxy`, an extension server's paths, a Service behind its proxy.
 * A request that is let in may still fail for another reason (there is nothing behind some doors here); what is
 * refused is refused with 403, and credentials that are wrong with 401.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect, headers, type NatsConnection, tokenAuthenticator } from 'nats'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type BusCredential, connectionOptions } from '../../src/bus/nats-credential.ts'
import { subjectsFor } from '../../src/bus/subjects.ts'
import { stateFolder } from '../../src/cli/state-folder.ts'
import { issueCertificate, type KeyPair } from '../../src/node/pki.ts'
import { eventually, startCluster } from '../support/cluster.ts'

const cluster = await startCluster(['--runtime', 'hollow', '--nodes', '2'])
const folder = stateFolder(cluster.data)
const pki = (name: string) => readFileSync(folder.pki(name), 'utf8')
const subjects = subjectsFor('kubus')
const open: NatsConnection[] = []
test.after(async () => {
  for (const connection of open) await connection.close()
  await cluster.stop()
})

const NODE = 'system:node:worker-9'
const READERS = 'readers'

interface Identity {
  name: string
  /** As the API knows it. */
  user?: string
  certificate?: KeyPair
  token?: string
  /** Asks the administrator's credentials to speak for it. */
  impersonates?: { user: string; groups: string[] }
  /** No credential of this cluster. */
  isWrong?: boolean
}

const certificate = (commonName: string, organizations: string[]): Promise<KeyPair> =>
  issueCertificate(
    { certificate: pki('ca.crt'), key: pki('ca.key') },
    { subject: { commonName, organizations }, usage: 'client', nowMs: Date.now() },
  )

const OUTSIDE = {
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: 'v1.outside.example.com' },
  spec: {
    group: 'outside.example.com',
    version: 'v1',
    service: { namespace: 'a', name: 'nobody' },
    insecureSkipTLSVerify: true,
    groupPriorityMinimum: 1000,
    versionPriority: 10,
  },
}

/** What the group `readers` may do: one right for each door. */
const READER = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'reader' },
  rules: [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] },
    { apiGroups: [''], resources: ['nodes/proxy', 'services/proxy'], verbs: ['get'] },
    { apiGroups: ['outside.example.com'], resources: ['things'], verbs: ['get', 'list'] },
    { nonResourceURLs: ['/metrics'], verbs: ['get'] },
  ],
}

const prepare = async (): Promise<Identity[]> => {
  await cluster.kubectl(['create', 'namespace', 'a'])
  await cluster.kubectl(['create', 'secret', 'generic', 'one', '-n', 'a', '--from-literal=a=b'])
  await cluster.kubectl(['create', 'configmap', 'one', '-n', 'a', '--from-literal=a=b'])
  for (const account of ['reader', 'nobody'])
    await cluster.kubectl(['create', 'serviceaccount', account, '-n', 'a'])
  for (const object of [OUTSIDE, READER])
    await cluster.kubectl(['create', '-f', '-'], JSON.stringify(object))
  const bound = [`--group=${READERS}`, '--group=system:bootstrappers:readers']
  const role = ['create', 'clusterrolebinding', 'reader', '--clusterrole=reader']
  await cluster.kubectl([...role, ...bound, '--serviceaccount=a:reader'])
  const bootstrap = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:readers',
    },
  }
  await cluster.kubectl(['create', '-f', '-'], JSON.stringify(bootstrap))
  appendFileSync(folder.pki('tokens.csv'), `static-secret,robot,7,"${READERS}"\n`)
  const node = await cluster.kubus(['credential', '--node', 'worker-9'])
  assert.is(node.code, 0, node.stderr)
  const tokenOf = async (account: string) =>
    (await cluster.kubectl(['create', 'token', account, '-n', 'a'])).trim()
  const read = (what: 'crt' | 'key') => readFileSync(folder.nodeFile('worker-9', what), 'utf8')
  return [
    {
      name: 'administrator',
      certificate: { certificate: pki('admin.crt'), key: pki('admin.key') },
    },
    {
      name: 'certificate of a reader',
      user: 'alice',
      certificate: await certificate('alice', [READERS]),
    },
    {
      name: 'certificate of nobody',
      user: 'mallory',
      certificate: await certificate('mallory', []),
    },
    { name: 'static token of a reader', user: 'robot', token: 'static-secret' },
    {
      name: 'service account of a reader',
      user: 'system:serviceaccount:a:reader',
      token: await tokenOf('reader'),
    },
    {
      name: 'service account of nobody',
      user: 'system:serviceaccount:a:nobody',
      token: await tokenOf('nobody'),
    },
    {
      name: 'bootstrap token of a reader',
      user: 'system:bootstrap:abcdef',
      token: 'abcdef.0123456789abcdef',
    },
    { name: 'node', user: NODE, certificate: { certificate: read('crt'), key: read('key') } },
    { name: 'impersonated reader', impersonates: { user: 'bob', groups: [READERS] } },
    { name: 'impersonated nobody', impersonates: { user: 'bob', groups: [] } },
    { name: 'anonymous' },
    { name: 'wrong token', token: 'made-up', isWrong: true },
    { name: 'wrong bootstrap token', token: 'abcdef.fedcba9876543210', isWrong: true },
  ]
}

interface Action {
  name: string
  /** By door: a path, and a subject where the bus has the same. */
  path: string
  method?: string
  subject?: string
  body?: object
  allowed(identity: string): boolean
}

const isAdministrator = (identity: string) => identity === 'administrator'
const mayRead = (identity: string) => isAdministrator(identity) || /reader/.test(identity)
const MADE = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'made-' } }

const ACTIONS: readonly Action[] = [
  {
    name: 'read a ConfigMap',
    path: '/api/v1/namespaces/a/configmaps/one',
    subject: 'kubus.api.get.configmaps.a.one',
    allowed: mayRead,
  },
  {
    name: 'list ConfigMaps everywhere',
    path: '/api/v1/configmaps',
    subject: 'kubus.api.list.configmaps',
    allowed: mayRead,
  },
  {
    name: 'read a Secret',
    path: '/api/v1/namespaces/a/secrets/one',
    subject: 'kubus.api.get.secrets.a.one',
    allowed: isAdministrator,
  },
  {
    name: 'create a ConfigMap',
    path: '/api/v1/namespaces/a/configmaps',
    method: 'POST',
    subject: 'kubus.api.create.configmaps.a',
    body: MADE,
    allowed: isAdministrator,
  },
  {
    name: 'delete a node',
    path: '/api/v1/nodes/none',
    method: 'DELETE',
    subject: 'kubus.api.delete.nodes._.none',
    allowed: isAdministrator,
  },
  {
    name: 'make oneself administrator',
    path: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings?dryRun=All',
    method: 'POST',
    body: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'mine' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'cluster-admin',
      },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: READERS }],
    },
    allowed: isAdministrator,
  },
  { name: 'ask a kubelet', path: '/api/v1/nodes/node-1/proxy/healthz', allowed: mayRead },
  {
    name: 'run something by a kubelet',
    path: '/api/v1/nodes/node-1/proxy/run/a/b/c',
    method: 'POST',
    allowed: isAdministrator,
  },
  {
    name: 'read from an extension server',
    path: '/apis/outside.example.com/v1/namespaces/a/things',
    allowed: mayRead,
  },
  {
    name: 'write to an extension server',
    path: '/apis/outside.example.com/v1/namespaces/a/things/x',
    method: 'DELETE',
    allowed: isAdministrator,
  },
  {
    name: 'ask a Service',
    path: '/api/v1/namespaces/a/services/nobody/proxy/',
    allowed: mayRead,
  },
  {
    name: 'post to a Service',
    path: '/api/v1/namespaces/a/services/nobody/proxy/',
    method: 'POST',
    allowed: isAdministrator,
  },
  { name: 'read metrics', path: '/metrics', allowed: mayRead },
  { name: 'read the version', path: '/version', allowed: () => true },
]

const identities = await prepare()

const overHttps = (identity: Identity, { path, method = 'GET', body }: Action): Promise<number> =>
  new Promise((resolve, reject) => {
    const { certificate: pair, token, impersonates } = identity
    const admin = { certificate: pki('admin.crt'), key: pki('admin.key') }
    const shown = pair ?? (impersonates ? admin : undefined)
    const text = body && JSON.stringify(body)
    const call = request(
      {
        host: '127.0.0.1',
        port: cluster.apiPort,
        path,
        method,
        agent: false,
        ca: pki('ca.crt'),
        ...(shown ? { cert: shown.certificate, key: shown.key } : {}),
        headers: {
          ...(text ? { 'content-type': 'application/json' } : {}),
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(impersonates
            ? { 'impersonate-user': impersonates.user, 'impersonate-group': impersonates.groups }
            : {}),
        },
      },
      (answer) => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode ?? 0))
      },
    )
    call.on('error', reject)
    call.end(text)
  })

/** Undefined where the credential opens no connection. */
const enter = async ({ user = 'nobody', certificate: pair, token }: Identity) => {
  const credential: BusCredential | undefined = pair && {
    name: user,
    proof: { type: 'certificate', pair: () => pair },
  }
  const connection = await connect({
    servers: `127.0.0.1:${cluster.natsPort}`,
    reconnect: false,
    ...(credential ? connectionOptions(credential, subjects) : {}),
    ...(token ? { authenticator: tokenAuthenticator(token) } : {}),
    // Everybody's answers are his own; a node's are with those of the cluster's parts.
    ...(user === NODE ? {} : { inboxPrefix: `_INBOX.${user}` }),
  }).catch(() => undefined)
  if (connection) open.push(connection)
  return connection
}

for (const action of ACTIONS)
  test(`over HTTPS: ${action.name}`, async () => {
    const wrong: string[] = []
    for (const identity of identities) {
      const code = await overHttps(identity, action)
      const expected = identity.isWrong ? 401 : action.allowed(identity.name) ? 'let in' : 403
      const got = code === 401 || code === 403 ? code : 'let in'
      if (got !== expected) wrong.push(`${identity.name}: ${code}, not ${expected}`)
    }
    assert.equal(wrong, [])
  })

test('on the bus: who has no credential of this cluster is not let in', async () => {
  for (const identity of identities) {
    if (!identity.isWrong && identity.name !== 'anonymous') continue
    assert.is(await enter(identity), undefined, identity.name)
  }
})

const onTheBus = identities.filter(
  ({ isWrong, impersonates, name }) => !isWrong && !impersonates && name !== 'anonymous',
)

for (const identity of onTheBus)
  test(`on the bus: ${identity.name}`, async () => {
    const connection = await eventually(() => enter(identity), 'the connection is open', 10_000)
    const wrong: string[] = []
    for (const { name, subject, body, allowed } of ACTIONS) {
      if (subject === undefined) continue
      const json = headers()
      json.set('Accept', 'application/json')
      // A node asks under its own name, and nowhere else.
      const asked =
        identity.name === 'node'
          ? subject.replace('kubus.api.', `kubus.as.${escaped(NODE)}.`)
          : subject
      const answer = await connection
        .request(asked, body ? JSON.stringify(body) : '', { headers: json, timeout: 5_000 })
        .then((message) => message.json<{ code?: number }>())
      const got = answer.code === 403 ? 403 : 'let in'
      const expected = allowed(identity.name) ? 'let in' : 403
      if (got !== expected) wrong.push(`${name}: ${JSON.stringify(answer)}, not ${expected}`)
    }
    assert.equal(wrong, [])
  })

const escaped = (text: string) => text.replaceAll(':', '=3A')

test.run()
