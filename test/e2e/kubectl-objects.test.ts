/**
 * Unmodified kubectl on objects: reading them in every format, writing them in every way, describing and explaining.
 *
 * Nodes are simulated: what is tested is the API as kubectl uses it.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { kinds, virtualKinds } from '../../src/api/kinds.ts'
import { JANE } from '../api/certificates/requests.ts'
import { aloud } from '../support/aloud.ts'
import { eventually, run, startCluster, type TestCluster } from '../support/cluster.ts'
import {
  deleted,
  deployment,
  editorScript,
  follow,
  type Manifest,
  manifest,
  rows,
} from './support/kubectl.ts'

let cluster: TestCluster
const kubectl = (...args: string[]) => cluster.kubectl(args)
const apply = (...objects: Manifest[]) =>
  cluster.kubectl(['apply', '-f', '-'], manifest(...objects))
/** stderr of a command that must fail. */
const refusal = async (...args: string[]) => {
  const { code, stdout, stderr } = await cluster.tryKubectl(args)
  assert.is.not(code, 0, stdout)
  return stderr
}
const object = async (...args: string[]) => JSON.parse(await kubectl('get', ...args, '-o', 'json'))

const configMap = (name: string, data: Record<string, string>, labels = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
  data,
})

test.before(
  aloud(async () => {
    cluster = await startCluster(['--runtime', 'hollow', '--nodes', '2'])
  }),
)

test.after(async () => {
  await cluster?.stop()
})

test('version and cluster-info find the server', async () => {
  assert.match(await kubectl('version'), /^Server Version: v1\.36\./m)
  assert.match(
    stripVTControlCharacters(await kubectl('cluster-info')),
    `Kubernetes control plane is running at https://127.0.0.1:${cluster.apiPort}`,
  )
  assert.is(await kubectl('get', '--raw', '/healthz'), 'ok')
  assert.match(await kubectl('get', '--raw', '/readyz?verbose'), /readyz check passed/)
})

test('api-resources and api-versions list what is served', async () => {
  const resources = rows(await kubectl('api-resources', '-o', 'wide'))
  const byName = new Map(resources.map((row) => [row['NAME'], row]))
  const declared = [...kinds, ...virtualKinds].map(({ plural }) => plural)
  assert.equal(new Set(byName.keys()), new Set(['bindings', ...declared]))
  assert.equal(byName.get('deployments'), {
    NAME: 'deployments',
    SHORTNAMES: 'deploy',
    APIVERSION: 'apps/v1',
    NAMESPACED: 'true',
    KIND: 'Deployment',
    VERBS: 'create,delete,deletecollection,get,list,patch,update,watch',
    CATEGORIES: 'all',
  })
  assert.is(byName.get('nodes')?.['NAMESPACED'], 'false')
  const versions = (await kubectl('api-versions')).trim().split('\n')
  assert.equal(versions, [...versions].sort())
  for (const version of ['v1', 'apps/v1', 'autoscaling/v1', 'autoscaling/v2', 'events.k8s.io/v1'])
    assert.ok(versions.includes(version), version)
})

test('the namespaces and the Service kubernetes are there from the start', async () => {
  const names = rows(await kubectl('get', 'namespaces')).map(({ NAME }) => NAME)
  assert.equal(names, ['default', 'kube-node-lease', 'kube-public', 'kube-system'])
  const [service] = rows(await kubectl('get', 'service', 'kubernetes'))
  assert.is(service?.['CLUSTER-IP'], '10.96.0.1')
  assert.is(service?.['PORT(S)'], '443/TCP')
  assert.is(
    (await cluster.tryKubectl(['get', 'endpoints', 'kubernetes'])).stderr,
    'Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n',
  )
  const ports = await kubectl('get', 'endpointslices', 'kubernetes', '-o', 'jsonpath={.ports}')
  assert.match(ports, `"port":${cluster.apiPort}`)
})

test('create makes objects from arguments and from files', async () => {
  assert.is(await kubectl('create', 'namespace', 'shop'), 'namespace/shop created\n')
  const here = ['-n', 'shop']
  assert.is(
    await kubectl('create', 'configmap', 'colours', '--from-literal=red=rot', ...here),
    'configmap/colours created\n',
  )
  assert.is(
    await kubectl('create', 'secret', 'generic', 'door', '--from-literal=code=1234', ...here),
    'secret/door created\n',
  )
  assert.is(
    await kubectl('create', 'serviceaccount', 'robot', ...here),
    'serviceaccount/robot created\n',
  )
  assert.is(
    await kubectl('create', 'service', 'nodeport', 'desk', '--tcp=80:8080', ...here),
    'service/desk created\n',
  )
  assert.is(
    await kubectl(
      'create',
      'deployment',
      'till',
      '--image=example/till:1',
      '--replicas=2',
      ...here,
    ),
    'deployment.apps/till created\n',
  )
  const file = join(cluster.data, 'sizes.yaml')
  writeFileSync(
    file,
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: sizes\ndata: {small: "1"}\n',
  )
  assert.is(await kubectl('create', '-f', file, ...here), 'configmap/sizes created\n')
  assert.is(
    await refusal('create', '-f', file, ...here),
    `Error from server (AlreadyExists): error when creating "${file}": configmaps "sizes" already exists\n`,
  )
  assert.is(
    await refusal('create', 'configmap', 'Wrong_Name', ...here),
    `error: failed to create configmap: ConfigMap "Wrong_Name" is invalid: metadata.name: Invalid value: "Wrong_Name": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')\n`,
  )
  assert.is(
    await kubectl('create', 'configmap', 'dry', '--dry-run=server', ...here),
    'configmap/dry created (server dry run)\n',
  )
  assert.match(await refusal('get', 'configmap', 'dry', ...here), 'configmaps "dry" not found')
})

test("get prints tables, wide tables, names, YAML, JSON, JSONPath and columns of one's own", async () => {
  const here = ['-n', 'shop']
  const [secret] = rows(await kubectl('get', 'secret', 'door', ...here))
  assert.equal(Object.keys(secret ?? {}), ['NAME', 'TYPE', 'DATA', 'AGE'])
  assert.is(secret?.['TYPE'], 'Opaque')
  assert.is(secret?.['DATA'], '1')
  assert.match(secret?.['AGE'] ?? '', /^\d+s$/)
  const nodes = await kubectl('get', 'nodes', '-o', 'wide')
  assert.match(
    nodes.split('\n')[0] ?? '',
    /^NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME$/,
  )
  assert.equal(
    rows(nodes).map(({ NAME, STATUS, ROLES }) => [NAME, STATUS, ROLES]),
    [
      ['node-1', 'Ready', '<none>'],
      ['node-2', 'Ready', '<none>'],
    ],
  )
  assert.is(
    await kubectl('get', 'configmap', 'colours', 'sizes', ...here, '-o', 'name'),
    'configmap/colours\nconfigmap/sizes\n',
  )
  const yaml = await kubectl('get', 'secret', 'door', ...here, '-o', 'yaml')
  assert.match(yaml, /^apiVersion: v1\ndata:\n {2}code: MTIzNA==\nkind: Secret\nmetadata:\n/)
  assert.match(yaml, /\ntype: Opaque\n$/)
  assert.is.not(yaml.includes('managedFields'), true)
  assert.equal((await object('configmap', 'colours', ...here)).data, { red: 'rot' })
  const list = await object('configmaps', ...here)
  assert.is(list.kind, 'List')
  assert.is(
    await kubectl('get', 'nodes', '-o', 'jsonpath={range .items[*]}{.metadata.name},{end}'),
    'node-1,node-2,',
  )
  assert.is(
    await kubectl(
      'get',
      'service',
      'desk',
      ...here,
      '-o',
      'custom-columns=WHO:.metadata.name,TARGET:.spec.ports[0].targetPort',
    ),
    'WHO    TARGET\ndesk   8080\n',
  )
  assert.is(
    await kubectl('get', 'nodes', '--no-headers', '--sort-by=.metadata.name', '-o', 'name'),
    'node/node-1\nnode/node-2\n',
  )
  assert.match(await kubectl('get', 'nodes', '--show-labels'), /kubernetes\.io\/hostname=node-1/)
})

test('get selects by label, by field and over all namespaces', async () => {
  await apply(
    configMap('one', { worth: '1' }, { parity: 'odd', kind: 'number' }),
    configMap('two', { worth: '2' }, { parity: 'even', kind: 'number' }),
    configMap('three', { worth: '3' }, { parity: 'odd', kind: 'number' }),
  )
  const named = (...args: string[]) => kubectl('get', 'configmaps', '-o', 'name', ...args)
  assert.is(await named('-l', 'parity=odd'), 'configmap/one\nconfigmap/three\n')
  assert.is(await named('-l', 'kind=number,parity!=odd'), 'configmap/two\n')
  assert.is(await named('-l', 'parity in (even,none)'), 'configmap/two\n')
  assert.is(await named('-l', '!kind'), 'configmap/kube-root-ca.crt\n')
  assert.is(await named('--field-selector', 'metadata.name=two'), 'configmap/two\n')
  assert.is(
    await refusal('get', 'pods', '--field-selector', 'spec.colour=red'),
    'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label selector "", field selector "spec.colour=red": field label not supported: spec.colour\n',
  )
  const everywhere = rows(await kubectl('get', 'configmaps', '-A', '-L', 'parity'))
  const own = everywhere.filter(
    (row) => row['NAME'] !== 'kube-root-ca.crt' && !row['NAMESPACE']?.startsWith('kube-'),
  )
  assert.equal(
    own.map((row) => [row['NAMESPACE'], row['NAME'], row['PARITY']]),
    [
      ['default', 'one', 'odd'],
      ['default', 'three', 'odd'],
      ['default', 'two', 'even'],
      ['shop', 'colours', ''],
      ['shop', 'sizes', ''],
    ],
  )
  assert.is(await kubectl('get', 'configmaps', '--chunk-size=1', '-o', 'name'), await named())
})

test('what is not there is said as Kubernetes says it', async () => {
  assert.is(
    await refusal('get', 'pod', 'nobody'),
    'Error from server (NotFound): pods "nobody" not found\n',
  )
  assert.is(
    await refusal('get', 'gadgets'),
    'error: the server doesn\'t have a resource type "gadgets"\n',
  )
  const { stderr } = await cluster.tryKubectl(['get', 'pods'])
  assert.is(stderr, 'No resources found in default namespace.\n')
})

test('get -w shows what changes, as it changes', async () => {
  const watching = follow(cluster, [
    'get',
    'configmaps',
    '-w',
    '--output-watch-events',
    '-l',
    'watched=yes',
  ])
  try {
    // The watch may begin after the first change: it then begins with the object as it is.
    await apply(configMap('seen', { a: '1' }, { watched: 'yes' }))
    await watching.until(/ADDED +seen +1/)
    await apply(configMap('seen', { a: '1', b: '2' }, { watched: 'yes' }))
    await watching.until(/MODIFIED +seen +2/)
    await kubectl('label', 'configmap', 'seen', 'watched=no', '--overwrite')
    await watching.until(/DELETED +seen +2/)
  } finally {
    await watching.stop()
  }
  await kubectl('delete', 'configmap', 'seen')
})

test('apply creates, leaves alone, changes, and removes what its manifest no longer has', async () => {
  const web = {
    ...deployment('web', { replicas: 2 }),
    metadata: { name: 'web', labels: { tier: 'front', app: 'web' } },
  }
  assert.is(await apply(web), 'deployment.apps/web created\n')
  assert.is(await apply(web), 'deployment.apps/web unchanged\n')
  await kubectl('annotate', 'deployment', 'web', 'example.com/by-hand=kept')
  const changed = {
    ...deployment('web', { replicas: 2, image: 'example/app:2', minReadySeconds: 1 }),
    metadata: { name: 'web', labels: { app: 'web' } },
  }
  assert.is(await apply(changed), 'deployment.apps/web configured\n')
  const stored = await object('deployment', 'web')
  assert.equal(stored.metadata.labels, { app: 'web' })
  assert.is(stored.metadata.annotations['example.com/by-hand'], 'kept')
  assert.is(stored.spec.template.spec.containers[0].image, 'example/app:2')
  assert.is(stored.spec.minReadySeconds, 1)
  await apply({
    ...deployment('web', { replicas: 2, image: 'example/app:2' }),
    metadata: { name: 'web' },
  })
  const without = await object('deployment', 'web')
  assert.is(without.spec.minReadySeconds, undefined)
  assert.is(without.metadata.labels, undefined)
})

test('apply merges lists by their keys', async () => {
  const container = (name: string, more = {}) => ({ name, image: `example/${name}:1`, ...more })
  const pod = (containers: unknown[]) => ({
    ...deployment('merged'),
    spec: {
      selector: { matchLabels: { app: 'merged' } },
      template: { metadata: { labels: { app: 'merged' } }, spec: { containers } },
    },
  })
  const environment = [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ]
  await apply(pod([container('main', { env: environment }), container('side')]))
  await kubectl('set', 'env', 'deployment/merged', '-c', 'main', 'C=3')
  await apply(pod([container('main', { env: environment.slice(1) })]))
  const { containers } = (await object('deployment', 'merged')).spec.template.spec
  assert.equal(
    containers.map(({ name }: { name: string }) => name),
    ['main'],
  )
  assert.equal(containers[0].env.map(({ name }: { name: string }) => name).sort(), ['B', 'C'])
  await kubectl('delete', 'deployment', 'merged')
})

test('apply refuses what is invalid and warns about unknown fields', async () => {
  const wrong = deployment('wrong', { replicas: -1 })
  const { code, stderr } = await cluster.tryKubectl(['apply', '-f', '-'], manifest(wrong))
  assert.is(code, 1)
  assert.is(
    stderr,
    'The Deployment "wrong" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0\n',
  )
  const odd = { ...configMap('odd', {}), colour: 'red' }
  const strict = await cluster.tryKubectl(['apply', '-f', '-'], manifest(odd))
  assert.is(strict.code, 1)
  assert.match(
    strict.stderr,
    'Error from server (BadRequest): error when creating "STDIN": ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "colour"',
  )
  const warned = await cluster.tryKubectl(['apply', '--validate=warn', '-f', '-'], manifest(odd))
  assert.is(warned.code, 0)
  assert.match(warned.stderr, 'Warning: unknown field "colour"')
  const immutable = deployment('web', { selector: { matchLabels: { app: 'other' } } })
  const { stderr: refused } = await cluster.tryKubectl(['apply', '-f', '-'], manifest(immutable))
  assert.match(refused, 'The Deployment "web" is invalid:')
  assert.match(refused, 'field is immutable')
})

test('diff shows what apply would change', async () => {
  const { code, stdout } = await cluster.tryKubectl(
    ['diff', '-f', '-'],
    manifest(configMap('one', { worth: 'I' }, { parity: 'odd', kind: 'number' })),
  )
  assert.is(code, 1)
  assert.match(stdout, /^-\s+worth: "1"$/m)
  assert.match(stdout, /^\+\s+worth: I$/m)
})

test('edit opens the object in an editor and stores what it saved', async () => {
  const withEditor = (sed: string) =>
    run(cluster.kubectlPath, ['edit', 'configmap', 'one'], {
      env: { ...cluster.environment, EDITOR: editorScript(cluster.data, sed) },
    })
  const changed = await withEditor('s/worth: "1"/worth: eins/')
  assert.is(changed.stdout, 'configmap/one edited\n', changed.stderr)
  assert.equal((await object('configmap', 'one')).data, { worth: 'eins' })
  const same = await withEditor('s/x/x/')
  assert.match(`${same.stdout}${same.stderr}`, 'Edit cancelled, no changes made.')
})

test('replace stores the whole object, and refuses one that is out of date', async () => {
  const current = await object('configmap', 'two')
  const next = { ...current, data: { worth: 'zwei' } }
  assert.is(
    await cluster.kubectl(['replace', '-f', '-'], JSON.stringify(next)),
    'configmap/two replaced\n',
  )
  const stale = await cluster.tryKubectl(['replace', '-f', '-'], JSON.stringify(current))
  assert.is(stale.code, 1)
  assert.match(
    stale.stderr,
    'Operation cannot be fulfilled on configmaps "two": the object has been modified; please apply your changes to the latest version and try again',
  )
  const { uid } = current.metadata
  const again = manifest(configMap('two', { worth: '2' }, { parity: 'even' }))
  assert.match(
    await cluster.kubectl(['replace', '--force', '-f', '-'], again),
    'configmap/two replaced',
  )
  assert.is.not((await object('configmap', 'two')).metadata.uid, uid)
})

test('patch changes an object in three formats', async () => {
  const patch = (type: string, change: unknown) =>
    kubectl('patch', 'deployment', 'web', `--type=${type}`, '-p', JSON.stringify(change))
  assert.is(
    await patch('strategic', {
      spec: { template: { spec: { containers: [{ name: 'side', image: 'example/side:1' }] } } },
    }),
    'deployment.apps/web patched\n',
  )
  const images = 'jsonpath={.spec.template.spec.containers[*].image}'
  assert.is(await kubectl('get', 'deployment', 'web', '-o', images), 'example/side:1 example/app:2')
  await patch('merge', {
    spec: { template: { spec: { containers: [{ name: 'app', image: 'example/app:3' }] } } },
  })
  assert.is(await kubectl('get', 'deployment', 'web', '-o', images), 'example/app:3')
  await patch('json', [{ op: 'replace', path: '/spec/replicas', value: 1 }])
  assert.is((await object('deployment', 'web')).spec.replicas, 1)
  assert.is(
    await patch('merge', { spec: { replicas: 1 } }),
    'deployment.apps/web patched (no change)\n',
  )
  assert.is(
    await refusal(
      'patch',
      'deployment',
      'web',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/no"}]',
    ),
    'The request is invalid: the server rejected our request due to an error in our request\n',
  )
  assert.match(
    await kubectl('patch', 'deployment', 'web', '--subresource=status', '--type=merge', '-p', '{}'),
    'deployment.apps/web patched (no change)',
  )
})

test('label and annotate set, keep, overwrite and remove', async () => {
  const web = ['deployment', 'web']
  assert.is(await kubectl('label', ...web, 'tier=front'), 'deployment.apps/web labeled\n')
  assert.is(
    await refusal('label', ...web, 'tier=back'),
    "error: 'tier' already has a value (front), and --overwrite is false\n",
  )
  assert.is(
    await kubectl('label', ...web, 'tier=back', '--overwrite'),
    'deployment.apps/web labeled\n',
  )
  assert.is(
    await kubectl('get', 'deployment', '-l', 'tier=back', '-o', 'name'),
    'deployment.apps/web\n',
  )
  assert.is(await kubectl('label', ...web, 'tier-'), 'deployment.apps/web unlabeled\n')
  assert.is(
    await kubectl('annotate', ...web, 'example.com/note=hello there'),
    'deployment.apps/web annotated\n',
  )
  assert.is((await object(...web)).metadata.annotations['example.com/note'], 'hello there')
  assert.is(
    await kubectl('annotate', ...web, 'example.com/note-'),
    'deployment.apps/web annotated\n',
  )
  assert.match(
    await refusal('label', 'namespace', 'default', 'a/b/c=d'),
    'The Namespace "default" is invalid: metadata.labels: Invalid value: "a/b/c": a valid label key must consist of',
  )
})

test('describe tells about every kind', async () => {
  const about = (...args: string[]) => kubectl('describe', ...args)
  const node = await about('node', 'node-1')
  for (const line of [
    /^Name: +node-1$/m,
    /^Taints: +<none>$/m,
    /^Unschedulable: +false$/m,
    /^ +Ready +True .*KubeletReady +kubelet is posting ready status$/m,
    /^PodCIDR: +10\.244\.\d\.0\/24$/m,
    /^Non-terminated Pods: +\(\d+ in total\)$/m,
    /^Allocated resources:$/m,
    /NodeReady/,
  ])
    assert.match(node, line)
  const configuration = await about('configmap', 'colours', '-n', 'shop')
  assert.match(configuration, /^Data\n====\nred:\n----\nrot\n/m)
  const secret = await about('secret', 'door', '-n', 'shop')
  assert.match(secret, /^code: {2}4 bytes$/m)
  assert.is.not(secret.includes('1234'), true)
  const service = await about('service', 'desk', '-n', 'shop')
  assert.match(service, /^Type: +NodePort$/m)
  assert.match(service, /^TargetPort: +8080\/TCP$/m)
  assert.match(service, /^NodePort: +80-8080 {2}3[0-2]\d{3}\/TCP$/m)
  const namespace = await about('namespace', 'shop')
  assert.match(namespace, /^Labels: +kubernetes\.io\/metadata\.name=shop$/m)
  assert.match(namespace, /^Status: +Active$/m)
  assert.match(await about('serviceaccount', 'robot', '-n', 'shop'), /^Name: +robot$/m)
  assert.match(await about('lease', 'node-1', '-n', 'kube-node-lease'), /Holder Identity: +node-1/)
  assert.match(await about('endpointslice', 'kubernetes'), /^AddressType: +IPv4$/m)
  assert.match(
    await refusal('describe', 'pod', 'nobody'),
    'Error from server (NotFound): pods "nobody" not found',
  )
})

test('explain reads the schemas', async () => {
  const pod = await kubectl('explain', 'pod.spec.containers.livenessProbe')
  assert.match(pod, /^KIND: +Pod\nVERSION: +v1\n/)
  assert.match(pod, /FIELD: livenessProbe <Probe>/)
  assert.match(pod, /initialDelaySeconds\t<integer>/)
  const strategy = await kubectl('explain', 'deployment.spec.strategy.type')
  assert.match(strategy, /^GROUP: +apps\nKIND: +Deployment\nVERSION: +v1\n/)
  assert.match(strategy, /ENUM:\n {4}Recreate\n {4}RollingUpdate\n/)
  const all = await kubectl('explain', 'service', '--recursive')
  assert.match(all, /sessionAffinityConfig\t<SessionAffinityConfig>/)
  assert.is(await refusal('explain', 'pod.spec.colour'), 'error: field "colour" does not exist\n')
})

test('delete removes by name, by label and by file; with finalizers it waits for them', async () => {
  assert.match(await kubectl('delete', 'configmap', 'one'), deleted('configmap "one"'))
  assert.is(
    await refusal('delete', 'configmap', 'one'),
    'Error from server (NotFound): configmaps "one" not found\n',
  )
  assert.is(await kubectl('delete', 'configmap', 'one', '--ignore-not-found'), '')
  assert.match(
    await kubectl('delete', 'configmaps', '-l', 'parity'),
    deleted('configmap "three"', 'configmap "two"'),
  )
  await apply({
    ...configMap('held', {}),
    metadata: { name: 'held', finalizers: ['example.com/hold'] },
  })
  const deleting = follow(cluster, ['delete', 'configmap', 'held'])
  try {
    await deleting.until(/configmap "held" deleted/)
    assert.ok((await object('configmap', 'held')).metadata.deletionTimestamp)
    await kubectl(
      'patch',
      'configmap',
      'held',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    )
    assert.is(await deleting.ended, 0)
  } finally {
    await deleting.stop()
  }
  assert.is(
    await refusal('delete', 'namespace', 'default'),
    'Error from server (Forbidden): namespaces "default" is forbidden: this namespace may not be deleted\n',
  )
})

test('deleting a namespace deletes what is in it, and ends', async () => {
  assert.match(await kubectl('delete', 'namespace', 'shop'), deleted('namespace "shop"'))
  assert.match(await refusal('get', 'namespace', 'shop'), 'namespaces "shop" not found')
  const left = await kubectl('get', 'all,configmaps,secrets', '-A', '-o', 'name')
  assert.is.not(left.includes('till'), true)
  await eventually(
    async () => (await cluster.tryKubectl(['get', 'pods', '-n', 'shop'])).stdout === '',
    'no pod left',
  )
})

test('a certificate signing request is read, approved and shown', async () => {
  // Of a signer that nobody here is: it stays approved.
  const signerName = 'example.com/client'
  const request: Manifest = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'jane' },
    spec: { request: JANE, signerName, usages: ['client auth'] },
  }
  await apply(request)
  await kubectl('certificate', 'approve', 'jane')
  assert.match(
    await kubectl('get', 'csr', 'jane', '--no-headers'),
    /example.com\/client .* Approved$/m,
  )
  await kubectl('delete', 'csr', 'jane')
})

test.run()
