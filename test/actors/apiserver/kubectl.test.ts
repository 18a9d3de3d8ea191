/**
 * The real kubectl against nats-server, store and apiserver: what needs no controllers and no nodes.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startControlPlane } from '../../support/control-plane.ts'

const plane = await startControlPlane()
const kubectl = (line: string, input?: string, env?: Record<string, string>) =>
  plane.kubectl(line.split(' '), {
    ...(input === undefined ? {} : { input }),
    ...(env ? { env } : {}),
  })
const failure = async (running: Promise<string>): Promise<string> => {
  try {
    return `it succeeded: ${await running}`
  } catch (error) {
    return (error as Error).message
  }
}

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: "nginx:1", env: [{name: A, value: a}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
`

test('version, api-resources, api-versions and cluster-info', async () => {
  assert.match(await kubectl('version'), /Server Version: v1\.36\.0\+kubus/)
  assert.match(await kubectl('api-resources'), /deployments +deploy +apps\/v1 +true +Deployment/)
  assert.match(await kubectl('api-versions'), /coordination\.k8s\.io\/v1/)
  assert.match(await kubectl('cluster-info'), 'is running at')
  assert.is(await kubectl('get --raw /readyz'), 'ok')
})

test('create in its many forms, which kubectl sends as protobuf', async () => {
  await kubectl('create configmap settings --from-literal=k=v')
  await kubectl('create secret generic hidden --from-literal=password=pw')
  await kubectl('create deployment made --image=nginx --replicas=2 --port=80')
  await kubectl('create service nodeport made --tcp=80:8080')
  await kubectl('create namespace made')
  await kubectl('create serviceaccount robot')
  await kubectl('run pod --image=nginx --env=A=b --labels=run=pod')
  assert.is(await kubectl('get configmap settings -o jsonpath={.data.k}'), 'v')
  assert.is(await kubectl('get secret hidden -o jsonpath={.data.password}'), 'cHc=')
  const json = JSON.parse(await kubectl('get deployment made -o json'))
  assert.is(json.spec.replicas, 2)
  assert.equal(json.spec.template.spec.containers[0].ports, [
    { containerPort: 80, protocol: 'TCP' },
  ])
  const service = JSON.parse(await kubectl('get service made -o json'))
  assert.is(service.spec.ports[0].targetPort, 8080)
  assert.is(service.spec.ports[0].name, '80-8080')
  assert.is(await kubectl('get pod pod -o jsonpath={.spec.containers[0].env[0].value}'), 'b')
})

test('apply creates, then changes nothing, then changes and removes a field', async () => {
  assert.match(await kubectl('apply -f -', WEB), 'deployment.apps/web created')
  assert.match(await kubectl('apply -f -', WEB), 'deployment.apps/web unchanged')
  const changed = WEB.replace('nginx:1', 'nginx:2').replace(', env: [{name: A, value: a}]', '')
  assert.match(await kubectl('apply -f -', changed), 'deployment.apps/web configured')
  const json = JSON.parse(await kubectl('get deployment web -o json'))
  assert.is(json.spec.template.spec.containers[0].image, 'nginx:2')
  assert.is(json.spec.template.spec.containers[0].env, undefined)
  const wrong = WEB.replace('replicas', 'replikas')
  assert.match(
    await failure(kubectl('apply -f -', wrong)),
    'strict decoding error: unknown field "spec.replikas"',
  )
})

test('diff, replace, edit, patch, label, annotate and set', async () => {
  const settings = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {k: w}\n'
  await kubectl('replace -f -', settings)
  assert.is(await kubectl('get cm settings -o jsonpath={.data.k}'), 'w')
  const editor = join(plane.dir, 'editor.sh')
  await writeFile(editor, '#!/bin/sh\nsed -i "s/k: w/k: edited/" "$1"\n', { mode: 0o755 })
  await kubectl('edit configmap settings', undefined, { EDITOR: editor })
  assert.is(await kubectl('get cm settings -o jsonpath={.data.k}'), 'edited')
  await kubectl('patch deploy web -p {"spec":{"replicas":4}}')
  await kubectl('patch deploy web --type=merge -p {"spec":{"paused":true}}')
  await kubectl('patch deploy web --type=json -p [{"op":"remove","path":"/spec/paused"}]')
  await kubectl('label deploy web tier=front')
  await kubectl('annotate deploy web why=test')
  await kubectl('set image deploy/web c=nginx:3')
  await kubectl('set env deploy/web B=c')
  const json = JSON.parse(await kubectl('get deploy web -o json'))
  assert.is(json.spec.replicas, 4)
  assert.is(json.spec.paused, undefined)
  assert.is(json.metadata.labels.tier, 'front')
  assert.is(json.metadata.annotations.why, 'test')
  assert.is(json.spec.template.spec.containers[0].image, 'nginx:3')
  assert.equal(json.spec.template.spec.containers[0].env, [{ name: 'B', value: 'c' }])
})

test('scale and rollout pause, resume, restart', async () => {
  await kubectl('scale deploy web --replicas=6')
  assert.is(await kubectl('get deploy web -o jsonpath={.spec.replicas}'), '6')
  assert.match(
    await failure(kubectl('scale deploy web --current-replicas=2 --replicas=1')),
    'Expected replicas to be 2, was 6',
  )
  await kubectl('rollout pause deploy web')
  await kubectl('rollout resume deploy web')
  await kubectl('rollout restart deploy web')
  const at = '{.spec.template.metadata.annotations}'
  assert.match(
    await kubectl(`get deploy web -o jsonpath=${at}`),
    'kubectl.kubernetes.io/restartedAt',
  )
})

test('get in its many forms', async () => {
  assert.match(await kubectl('get deploy'), /NAME +READY +UP-TO-DATE +AVAILABLE +AGE/)
  assert.match(await kubectl('get deploy -o wide'), 'nginx:3')
  assert.match(await kubectl('get svc -A'), /default +kubernetes +ClusterIP +10\.96\.0\.1/)
  assert.match(await kubectl('get deploy -l tier=front -o name'), 'deployment.apps/web')
  const columns = 'get deploy web -o custom-columns=N:.metadata.name,R:.spec.replicas'
  assert.match(await kubectl(columns), /web +6/)
  assert.match(await kubectl('get pods --field-selector=metadata.name=pod'), /pod +0\/1 +Pending/)
  assert.match(await kubectl('get all'), 'deployment.apps/web')
  assert.match(await kubectl('get deploy web -o yaml'), 'kind: Deployment')
  assert.match(await kubectl('describe deploy web'), /Image: +nginx:3/)
  assert.match(await kubectl('describe pod pod'), /Status: +Pending/)
  assert.match(await kubectl('explain deploy.spec.replicas'), /FIELD: replicas <integer>/)
})

test('get --watch and wait see what happens', async () => {
  const watching = kubectl('get pods -w --request-timeout=4s')
  const waiting = kubectl('wait pod/pod --for=delete --timeout=20s')
  await new Promise((resolve) => setTimeout(resolve, 1000))
  await kubectl('label pod pod seen=yes')
  await kubectl('delete pod pod')
  assert.match(await waiting, 'condition met')
  const lines = (await watching.catch((error: Error) => error.message)).split('\n')
  assert.ok(lines.filter((line) => line.startsWith('pod ')).length >= 2)
})

test('events are listed', async () => {
  await kubectl(
    'create -f -',
    `apiVersion: v1
kind: Event
metadata: {name: e.1}
involvedObject: {kind: Deployment, name: web, namespace: default, apiVersion: apps/v1}
reason: Tested
message: it was tested
type: Normal
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
`,
  )
  assert.match(await kubectl('events'), 'it was tested')
  assert.match(await kubectl('get events'), 'it was tested')
})

test('cordon, drain and uncordon', async () => {
  const pod = (name: string) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec: {nodeName: n1, terminationGracePeriodSeconds: 0, containers: [{name: c, image: i}]}
`
  await kubectl('create -f -', 'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n')
  await kubectl('create -f -', pod('on-node'))
  await kubectl('cordon n1')
  assert.match(await kubectl('get node n1'), 'SchedulingDisabled')
  assert.match(await kubectl('drain n1 --force --timeout=20s'), 'pod/on-node evicted')
  await kubectl('uncordon n1')
  assert.not.match(await kubectl('get node n1'), 'SchedulingDisabled')
})

test('logs and exec through the node of the pod', async () => {
  const { bus } = plane
  const logs = bus.accept('kubus.node.n1.logs', async (channel) => {
    await channel.send(1, 'a line\n')
    channel.close()
  })
  const exec = bus.accept('kubus.node.n1.exec', (channel) => {
    channel.onFrame(async (tag, payload) => {
      if (tag === 0) await channel.send(1, `heard ${Buffer.from(payload)}`)
      if (tag !== 255) return
      const causes = [{ reason: 'ExitCode', message: '3' }]
      const status = { status: 'Failure', reason: 'NonZeroExitCode', details: { causes } }
      const message = 'command terminated with non-zero exit code'
      await channel.send(3, JSON.stringify({ metadata: {}, message, ...status }))
      channel.close()
    })
  })
  await kubectl(
    'create -f -',
    'apiVersion: v1\nkind: Pod\nmetadata: {name: talks}\nspec: {nodeName: n1, containers: [{name: c, image: i}]}\n',
  )
  await kubectl('patch pod talks --subresource=status -p {"status":{"phase":"Running"}}')
  assert.is(await kubectl('logs talks'), 'a line\n')
  const answered = await failure(kubectl('exec -i talks -- cat', 'me'))
  assert.match(answered, 'command terminated with exit code 3')
  assert.match(answered, 'heard me')
  await logs.stop()
  await exec.stop()
})

test('delete, by name, by selector, with a policy and by force', async () => {
  assert.match(await kubectl('delete svc web'), 'service "web" deleted')
  await kubectl('delete cm,secret --all')
  await kubectl('delete deploy -l tier=front --wait=false --cascade=orphan')
  assert.is(await kubectl('get deploy web -o jsonpath={.metadata.finalizers[0]}'), 'orphan')
  await kubectl('delete pod talks --grace-period=0 --force')
  assert.match(
    await failure(kubectl('get pod talks')),
    'Error from server (NotFound): pods "talks" not found',
  )
})

test.after(() => plane.stop())
test.run()
