/**
 * Webhooks on a real HTTPS server, asked by an apiserver about writes.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, startTestApiserver } from '../../../support/api-server.ts'
import { patching, startWebhookServer } from '../../../support/webhook-server.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
type Loose = any

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1'
const MUTATING = `${REGISTRATION}/mutatingwebhookconfigurations`
const VALIDATING = `${REGISTRATION}/validatingwebhookconfigurations`

/** What each path answers, set by the tests. */
const answers = new Map<string, (request: Loose) => Loose>()
const hooks = await startWebhookServer((request, path) => {
  const answer = answers.get(path)
  return answer ? answer(request) : { allowed: true }
})
const api = await startTestApiserver()

test.after(async () => {
  await api.stop()
  await hooks.stop()
})

let count = 0

const created = async (path: string, body: object): Promise<Answer> => {
  const answer = await api.call('POST', path, body)
  assert.is(answer.code, 201, answer.text)
  return answer
}

/** A namespace of its own, labelled with its name. */
const newNamespace = async (): Promise<string> => {
  const name = `hooked-${++count}`
  await created('/api/v1/namespaces', { metadata: { name, labels: { hooked: name } } })
  return name
}

const RULE = {
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['configmaps'],
  operations: ['CREATE', 'UPDATE', 'DELETE'],
}

/** A webhook on ConfigMaps of a namespace, at a path of the server. */
const webhook = (namespace: string, path: string, more: object = {}) => ({
  name: `${path.slice(1)}.example.com`,
  clientConfig: { url: `${hooks.url}${path}`, caBundle: hooks.caBundle },
  rules: [RULE],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  namespaceSelector: { matchLabels: { hooked: namespace } },
  ...more,
})

const configurations: string[] = []

const configure = async (kind: string, name: string, ...webhooks: object[]): Promise<void> => {
  await created(kind, { metadata: { name }, webhooks })
  configurations.push(`${kind}/${name}`)
}

test.after.each(async () => {
  for (const path of configurations.splice(0)) await api.call('DELETE', path)
  answers.clear()
  hooks.reviews.length = 0
})

const mapsOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`

const map = (name: string, data: Record<string, string> = {}, metadata: object = {}) => ({
  metadata: { name, ...metadata },
  data,
})

const reviewsAt = (path: string): Loose[] =>
  hooks.reviews.filter((each) => each.path === path).map(({ request }) => request)

test('a validating webhook is shown the whole request, and may let it pass', async () => {
  const namespace = await newNamespace()
  await configure(VALIDATING, 'shown', webhook(namespace, '/shown'))
  await created(`${mapsOf(namespace)}?fieldManager=me`, map('one', { a: '1' }))
  const [review] = reviewsAt('/shown')
  assert.is(review.object.data.a, '1')
  assert.is(review.object.kind, 'ConfigMap')
  assert.is(review.object.apiVersion, 'v1')
  assert.is(review.object.metadata.namespace, namespace)
  assert.match(review.uid, /^[0-9a-f-]{36}$/)
  const { object: _, uid: __, ...rest } = review
  assert.match(rest.userInfo.extra['authentication.kubernetes.io/credential-id'][0], 'X509SHA256=')
  delete rest.userInfo.extra
  assert.equal(rest, {
    kind: { group: '', version: 'v1', kind: 'ConfigMap' },
    resource: { group: '', version: 'v1', resource: 'configmaps' },
    requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
    requestResource: { group: '', version: 'v1', resource: 'configmaps' },
    name: 'one',
    namespace,
    operation: 'CREATE',
    userInfo: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me' },
  })
})

test('updates and deletions show the object there was', async () => {
  const namespace = await newNamespace()
  await configure(VALIDATING, 'old', webhook(namespace, '/old'))
  await created(mapsOf(namespace), map('one', { a: '1' }))
  await api.call('PUT', `${mapsOf(namespace)}/one`, map('one', { a: '2' }))
  await api.call('DELETE', `${mapsOf(namespace)}/one`)
  const [, update, deletion] = reviewsAt('/old')
  assert.is(update.operation, 'UPDATE')
  assert.is(update.oldObject.data.a, '1')
  assert.is(update.object.data.a, '2')
  assert.is(update.options.kind, 'UpdateOptions')
  assert.is(deletion.operation, 'DELETE')
  assert.is(deletion.object, null)
  assert.is(deletion.oldObject.data.a, '2')
  assert.is(deletion.options.kind, 'DeleteOptions')
})

test('a refusal tells the client the status of the webhook', async () => {
  const namespace = await newNamespace()
  await configure(VALIDATING, 'refusing', webhook(namespace, '/refusing'))
  const refused = async (response: object): Promise<Loose> => {
    answers.set('/refusing', () => ({ allowed: false, ...response }))
    const { code, json } = await api.call('POST', mapsOf(namespace), map('one'))
    assert.is(json.code, code)
    return [code, json.reason, json.message]
  }
  const denied = 'admission webhook "refusing.example.com" denied the request'
  assert.equal(await refused({}), [400, undefined, `${denied} without explanation`])
  assert.equal(await refused({ status: { message: 'no', code: 402, reason: 'Paid' } }), [
    402,
    'Paid',
    `${denied}: no`,
  ])
  assert.equal(await refused({ status: { reason: 'Forbidden', code: 200 } }), [
    400,
    'Forbidden',
    `${denied}: Forbidden`,
  ])
  assert.is((await api.call('GET', `${mapsOf(namespace)}/one`)).code, 404)
})

test('mutating webhooks run in the order of names and places, each on what the last one made', async () => {
  const namespace = await newNamespace()
  const append = (letter: string) => (request: Loose) => {
    const { order = '' } = request.object.data
    return patching({ op: 'add', path: '/data/order', value: `${order}${letter}` })
  }
  for (const letter of ['a', 'b', 'c']) answers.set(`/${letter}`, append(letter))
  await configure(MUTATING, 'two', webhook(namespace, '/c'))
  await configure(MUTATING, 'one', webhook(namespace, '/a'), webhook(namespace, '/b'))
  const { json } = await created(mapsOf(namespace), map('one', { given: 'x' }))
  assert.equal(json.data, { given: 'x', order: 'abc' })
  const stored = await api.call('GET', `${mapsOf(namespace)}/one`)
  assert.equal(stored.json.data, { given: 'x', order: 'abc' })
})

test('a webhook is asked again after others changed the object, if it wants to be', async () => {
  const namespace = await newNamespace()
  const add = (key: string) => (request: Loose) =>
    request.object.data[key]
      ? { allowed: true }
      : patching({ op: 'add', path: `/data/${key}`, value: 'yes' })
  answers.set('/first', add('first'))
  answers.set('/second', add('second'))
  answers.set('/third', add('third'))
  await configure(
    MUTATING,
    'again',
    webhook(namespace, '/first', { reinvocationPolicy: 'IfNeeded' }),
    webhook(namespace, '/second'),
    webhook(namespace, '/third', { reinvocationPolicy: 'IfNeeded' }),
  )
  await created(mapsOf(namespace), map('one', { x: '1' }))
  assert.equal(
    hooks.reviews.map(({ path }) => path),
    ['/first', '/second', '/third', '/first'],
  )
  assert.is(hooks.reviews[3]?.request.object.data.third, 'yes')
})

test('what a mutating webhook adds is decoded, given defaults and checked', async () => {
  const namespace = await newNamespace()
  const rules = [{ ...RULE, resources: ['services'] }]
  const path = `/api/v1/namespaces/${namespace}/services`
  const service = (name: string) => ({ metadata: { name }, spec: { ports: [{ port: 80 }] } })
  await configure(MUTATING, 'defaults', webhook(namespace, '/defaults', { rules }))
  answers.set('/defaults', () =>
    patching({ op: 'add', path: '/spec/ports/-', value: { name: 'more', port: 81, nonsense: 1 } }),
  )
  const invalid = await api.call('POST', path, service('unnamed'))
  assert.is(invalid.code, 422)
  assert.match(invalid.json.message, /spec\.ports\[0\]\.name: Required value/)
  answers.set('/defaults', () =>
    patching({ op: 'replace', path: '/spec/ports/0', value: { port: 81, nonsense: 1 } }),
  )
  const { json } = await created(path, service('fine'))
  assert.equal(json.spec.ports, [{ port: 81, protocol: 'TCP', targetPort: 81 }])
})

test('a write goes on without a webhook that cannot be reached, if failures are ignored', async () => {
  const namespace = await newNamespace()
  const nowhere = { service: { namespace: 'nowhere', name: 'nobody', path: '/x' } }
  for (const kind of [MUTATING, VALIDATING]) {
    await configure(kind, 'ignored', {
      ...webhook(namespace, '/ignored', { failurePolicy: 'Ignore' }),
      clientConfig: nowhere,
    })
    await created(mapsOf(namespace), map(kind === MUTATING ? 'one' : 'two'))
    await api.call('DELETE', `${kind}/ignored`)
    await configure(kind, 'failing', { ...webhook(namespace, '/failing'), clientConfig: nowhere })
    const { code, json } = await api.call('POST', mapsOf(namespace), map('three'))
    assert.is(code, 500)
    assert.is(json.reason, 'InternalError')
    assert.is(
      json.message,
      'Internal error occurred: failed calling webhook "failing.example.com": failed to call webhook: Post "https://nobody.nowhere.svc:443/x?timeout=10s": service "nobody" not found',
    )
    await api.call('DELETE', `${kind}/failing`)
  }
})

test('a webhook that is too slow, wrong or not to be trusted has failed', async () => {
  const namespace = await newNamespace()
  const failure = async (more: object = {}): Promise<string> => {
    const name = `failing-${++count}`
    await configure(VALIDATING, name, webhook(namespace, '/fails', more))
    const { code, json } = await api.call('POST', mapsOf(namespace), map('one'))
    assert.is(code, 500, json.message)
    await api.call('DELETE', `${VALIDATING}/${name}`)
    return json.message.replace(
      'Internal error occurred: failed calling webhook "fails.example.com": ',
      '',
    )
  }
  const post = `failed to call webhook: Post "${hooks.url}/fails?timeout`
  answers.set('/fails', () => new Promise((resolve) => setTimeout(resolve, 3000, {})))
  assert.is(await failure({ timeoutSeconds: 1 }), `${post}=1s": context deadline exceeded`)
  answers.set('/fails', () => ({ raw: 'oh no', code: 500 }))
  assert.is(
    await failure(),
    'failed to call webhook: an error on the server ("oh no") has prevented the request from succeeding',
  )
  answers.set('/fails', () => ({ raw: '', code: 404 }))
  assert.is(
    await failure(),
    'failed to call webhook: the server could not find the requested resource',
  )
  answers.set('/fails', () => ({ review: { kind: 'AdmissionReview' } }))
  assert.is(await failure(), 'received invalid webhook response: webhook response was absent')
  answers.set('/fails', () => ({ allowed: true, uid: 'x' }))
  assert.match(
    await failure(),
    /^received invalid webhook response: expected response\.uid="[0-9a-f-]+", got "x"$/,
  )
  answers.set('/fails', () => patching({ op: 'add', path: '/data/x', value: 'y' }))
  assert.is(
    await failure(),
    'received invalid webhook response: validating webhook may not return response.patch',
  )
  const other = Buffer.from(api.pki.authority.certificate).toString('base64')
  assert.is(
    await failure({ clientConfig: { url: `${hooks.url}/fails`, caBundle: other } }),
    `${post}=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  )
  assert.is(
    await failure({ clientConfig: { url: 'https://127.0.0.1:1/x' } }),
    'failed to call webhook: Post "https://127.0.0.1:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
  )
})

test('a failure of one webhook does not keep another from refusing', async () => {
  const namespace = await newNamespace()
  answers.set('/slow', () => new Promise((resolve) => setTimeout(resolve, 300, { allowed: true })))
  answers.set('/no', () => ({ allowed: false }))
  await configure(
    VALIDATING,
    'both',
    webhook(namespace, '/slow', { failurePolicy: 'Ignore' }),
    webhook(namespace, '/no'),
  )
  const { json } = await api.call('POST', mapsOf(namespace), map('one'))
  assert.match(json.message, /"no\.example\.com" denied/)
  assert.is(reviewsAt('/slow').length, 1)
})

test('a patch that does not apply, or has nothing to apply to, is the client’s error 500', async () => {
  const namespace = await newNamespace()
  await configure(MUTATING, 'patches', webhook(namespace, '/patches'))
  await created(mapsOf(namespace), map('one'))
  answers.set('/patches', () => patching({ op: 'remove', path: '/data/missing' }))
  const bad = await api.call('POST', mapsOf(namespace), map('two', { a: '1' }))
  assert.is(bad.code, 500)
  assert.match(bad.json.message, /^Internal error occurred: remove operation does not apply/)
  const gone = await api.call('DELETE', `${mapsOf(namespace)}/one`)
  assert.is(
    gone.json.message,
    'Internal error occurred: admission webhook "patches.example.com" attempted to modify the object, which is not supported for this operation',
  )
})

test('a dry run is no matter for webhooks with side effects', async () => {
  const namespace = await newNamespace()
  await configure(VALIDATING, 'dry', webhook(namespace, '/dry', { sideEffects: 'NoneOnDryRun' }))
  await created(`${mapsOf(namespace)}?dryRun=All`, map('one'))
  const [review] = reviewsAt('/dry')
  assert.is(review.dryRun, true)
  assert.equal(review.options.dryRun, ['All'])
})

test('object selectors look at the new and at the old object', async () => {
  const namespace = await newNamespace()
  const objectSelector = { matchLabels: { watched: 'yes' } }
  await configure(VALIDATING, 'selecting', webhook(namespace, '/selecting', { objectSelector }))
  await created(mapsOf(namespace), map('plain'))
  await created(mapsOf(namespace), map('watched', {}, { labels: { watched: 'yes' } }))
  await api.call('PUT', `${mapsOf(namespace)}/watched`, map('watched'))
  await api.call('PUT', `${mapsOf(namespace)}/watched`, map('watched', { a: '1' }))
  assert.equal(
    reviewsAt('/selecting').map(({ operation }) => operation),
    ['CREATE', 'UPDATE'],
  )
})

test('match conditions in CEL decide whether a webhook is called; one that fails is the failure policy’s', async () => {
  const namespace = await newNamespace()
  const condition = (expression: string) => ({
    matchConditions: [{ name: 'only', expression }],
  })
  await configure(
    VALIDATING,
    'conditions',
    webhook(
      namespace,
      '/conditions',
      condition(
        "request.name.startsWith('w') && request.userInfo.username == 'admin' && authorizer.group('').resource('pods').check('get').allowed()",
      ),
    ),
  )
  await created(mapsOf(namespace), map('one'))
  await created(mapsOf(namespace), map('watched'))
  assert.equal(
    reviewsAt('/conditions').map(({ name }) => name),
    ['watched'],
  )
  await api.call('DELETE', `${VALIDATING}/conditions`)
  const broken = condition('object.data.missing == "x"')
  await configure(VALIDATING, 'broken', webhook(namespace, '/broken', broken))
  const failed = await api.call('POST', mapsOf(namespace), map('two', { a: '1' }))
  assert.is(failed.code, 403)
  assert.is(
    failed.json.message,
    `configmaps "two" is forbidden: expression 'object.data.missing == "x"' resulted in error: no such key: missing`,
  )
  await api.call('DELETE', `${VALIDATING}/broken`)
  await configure(
    VALIDATING,
    'lenient',
    webhook(namespace, '/lenient', { ...broken, failurePolicy: 'Ignore' }),
  )
  await created(mapsOf(namespace), map('three', { a: '1' }))
  assert.is(reviewsAt('/lenient').length, 0)
})

test('warnings of webhooks are the client’s', async () => {
  const namespace = await newNamespace()
  await configure(VALIDATING, 'warning', webhook(namespace, '/warning'))
  answers.set('/warning', () => ({ allowed: true, warnings: ['mind the "gap"', 'twice', 'twice'] }))
  const { headers } = await created(mapsOf(namespace), map('one'))
  assert.is(headers['warning'], '299 - "mind the \\"gap\\"", 299 - "twice"')
})

test('many warnings are cut at 256 characters each and 4096 together', async () => {
  const namespace = await newNamespace()
  await configure(VALIDATING, 'warning', webhook(namespace, '/warning'))
  const warnings = Array.from({ length: 30 }, (_, at) => `${at} `.padEnd(1000, 'x'))
  answers.set('/warning', () => ({ allowed: true, warnings }))
  const { headers } = await created(mapsOf(namespace), map('one'))
  const shown = String(headers['warning']).split(/(?<="), /)
  assert.is(shown.length, 16)
  assert.ok(shown.every((each) => each.length === '299 - ""'.length + 256))
})

test('version v1beta1 of reviews is spoken where a webhook names it first', async () => {
  const namespace = await newNamespace()
  answers.set('/beta', (request) => ({
    review: {
      response: {
        allowed: true,
        patch: Buffer.from(
          JSON.stringify([{ op: 'add', path: '/data', value: { uid: request.uid } }]),
        ).toString('base64'),
      },
    },
  }))
  const admissionReviewVersions = ['v2', 'v1beta1', 'v1']
  await configure(MUTATING, 'beta', webhook(namespace, '/beta', { admissionReviewVersions }))
  const { json } = await created(mapsOf(namespace), map('one'))
  assert.is(json.data.uid, reviewsAt('/beta')[0].uid)
})

test('a rule about one version is about the others, in that version, unless exactly it is meant', async () => {
  const namespace = await newNamespace()
  const rules = [
    { apiGroups: ['autoscaling'], apiVersions: ['v1'], resources: ['*'], operations: ['CREATE'] },
  ]
  answers.set('/equivalent', () =>
    patching({ op: 'add', path: '/spec/targetCPUUtilizationPercentage', value: 37 }),
  )
  await configure(
    MUTATING,
    'versions',
    webhook(namespace, '/equivalent', { rules }),
    webhook(namespace, '/exact', { rules, matchPolicy: 'Exact' }),
  )
  const path = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`
  const { json } = await created(path, {
    metadata: { name: 'one' },
    spec: {
      maxReplicas: 3,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    },
  })
  assert.is(json.apiVersion, 'autoscaling/v2')
  assert.is(json.spec.metrics[0].resource.target.averageUtilization, 37)
  const [review] = reviewsAt('/equivalent')
  assert.is(review.object.apiVersion, 'autoscaling/v1')
  assert.is(review.kind.version, 'v1')
  assert.is(review.requestKind.version, 'v2')
  assert.is(reviewsAt('/exact').length, 0)
})

test('subresources are asked about by their documents', async () => {
  const namespace = await newNamespace()
  const rules = [
    {
      apiGroups: ['', 'apps'],
      apiVersions: ['v1'],
      resources: ['deployments/scale', 'pods/*'],
      operations: ['CREATE', 'UPDATE', 'CONNECT'],
    },
  ]
  await configure(VALIDATING, 'parts', webhook(namespace, '/parts', { rules }))
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`
  const labels = { app: 'web' }
  await created(deployments, {
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  })
  assert.is(reviewsAt('/parts').length, 0)
  await api.call('PUT', `${deployments}/web/scale`, {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'web', namespace },
    spec: { replicas: 3 },
  })
  const [scale] = reviewsAt('/parts')
  assert.equal(scale.kind, { group: 'autoscaling', version: 'v1', kind: 'Scale' })
  assert.equal(scale.resource, { group: 'apps', version: 'v1', resource: 'deployments' })
  assert.is(scale.subResource, 'scale')
  assert.is(scale.object.spec.replicas, 3)
  assert.is(scale.oldObject.spec.replicas, 1)
  answers.set('/parts', () => ({ allowed: false, status: { message: 'no connections' } }))
  const { json } = await api.call('GET', `/api/v1/namespaces/${namespace}/pods/x/proxy/y`)
  assert.match(json.message, /"parts\.example\.com" denied the request: no connections$/)
  const connection = reviewsAt('/parts').at(-1)
  assert.is(connection.operation, 'CONNECT')
  assert.is(connection.kind.kind, 'PodProxyOptions')
  assert.is(connection.options, null)
})

test('configurations of webhooks and policies are nobody’s business but the client’s', async () => {
  const rules = [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: ['*'] }]
  answers.set('/all', () => ({ allowed: false }))
  const all = { ...webhook('', '/all', { rules }), namespaceSelector: {} }
  await configure(VALIDATING, 'all', all)
  const { code } = await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'never' } })
  assert.is(code, 400)
  await configure(VALIDATING, 'more', webhook('x', '/more'))
  assert.is((await api.call('DELETE', `${VALIDATING}/all`)).code, 200)
  await created('/api/v1/namespaces', { metadata: { name: 'ever' } })
})

test('calls of one webhook share connections', async () => {
  const namespace = await newNamespace()
  await configure(VALIDATING, 'shared', webhook(namespace, '/shared'))
  await created(mapsOf(namespace), map('first'))
  const before = hooks.connections
  for (const name of ['a', 'b', 'c', 'd']) await created(mapsOf(namespace), map(name))
  assert.is(hooks.connections, before)
})

test('figures say how often webhooks were asked, refused and failed', async () => {
  const namespace = await newNamespace()
  answers.set('/counted', () => ({ allowed: false, status: { code: 403 } }))
  await configure(VALIDATING, 'counted', webhook(namespace, '/counted'))
  await api.call('POST', mapsOf(namespace), map('one'))
  const { text } = await api.call('GET', '/metrics')
  const labels = 'name="counted.example.com",type="validating",operation="CREATE"'
  assert.match(
    text,
    `apiserver_admission_webhook_request_total{${labels},code="403",rejected="true"} 1`,
  )
  assert.match(
    text,
    `apiserver_admission_webhook_rejection_count{${labels},error_type="no_error",rejection_code="403"} 1`,
  )
  assert.match(
    text,
    `apiserver_admission_webhook_admission_duration_seconds_count{${labels},rejected="true"} 1`,
  )
})

test.run()
