/**
 * The real kubectl with workloads, budgets and autoscalers: what needs no controllers and no nodes.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startControlPlane } from '../../support/control-plane.ts'

const plane = await startControlPlane()
const kubectl = (line: string, input?: string) =>
  plane.kubectl(line.split(' '), input === undefined ? {} : { input })
const failure = async (running: Promise<string>): Promise<string> => {
  try {
    return `it succeeded: ${await running}`
  } catch (error) {
    return (error as Error).message
  }
}
const json = async (what: string) => JSON.parse(await kubectl(`get ${what} -o json`))
const row = async (what: string): Promise<string[]> =>
  (await kubectl(`get ${what} --no-headers`)).trim().split(/ {2,}/)

const TEMPLATE = `template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "web:1"}]}`
const WORKLOADS = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: web}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
  ${TEMPLATE}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: web}}
  ${TEMPLATE}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: elder}
spec:
  replicas: 2
  ${TEMPLATE}
---
apiVersion: v1
kind: PodTemplate
metadata: {name: mould}
template:
  metadata: {labels: {app: web}}
  spec: {containers: [{name: c, image: "web:1"}]}
`

test('workloads are applied, shown and applied again without a change', async () => {
  assert.match(await kubectl('apply -f -', WORKLOADS), 'statefulset.apps/db created')
  const again = await kubectl('apply -f -', WORKLOADS)
  for (const name of ['daemonset.apps/agent', 'podtemplate/mould', 'replicationcontroller/elder'])
    assert.match(again, `${name} unchanged`)
  // kubectl sends claim templates again because they come back completed; nothing changes by that.
  assert.is((await json('statefulset db')).metadata.generation, 1)
  assert.equal((await row('statefulset/db')).slice(0, 2), ['db', '0/1'])
  assert.equal((await row('daemonset/agent')).slice(0, 7), [
    'agent',
    '0',
    '0',
    '0',
    '0',
    '0',
    '<none>',
  ])
  assert.equal((await row('rc/elder')).slice(0, 4), ['elder', '2', '0', '0'])
  assert.equal(await row('podtemplate/mould'), ['mould', 'c', 'web:1', 'app=web'])
  const all = await kubectl('get all -o name')
  assert.match(all, /^replicationcontroller\/elder$/m)
  assert.match(all, /^daemonset\.apps\/agent$/m)
})

test('workloads are scaled', async () => {
  assert.match(await kubectl('scale statefulset db --replicas=3'), 'scaled')
  assert.is((await json('statefulset db')).spec.replicas, 3)
  await kubectl('scale rc elder --current-replicas=2 --replicas=0')
  assert.is((await json('rc elder')).spec.replicas, 0)
  assert.match(
    await failure(kubectl('scale daemonset agent --replicas=1')),
    'the server could not find the requested resource',
  )
})

test('a StatefulSet refuses what cannot change, in Kubernetes words', async () => {
  const changed = WORKLOADS.replace('serviceName: db', 'serviceName: other')
  assert.match(
    await failure(kubectl('apply -f -', changed)),
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template'",
  )
})

test('jobs are created, by hand and from a schedule', async () => {
  await kubectl('create job once --image=busybox -- true')
  const job = await json('job once')
  assert.is(job.spec.template.spec.restartPolicy, 'Never')
  assert.is(job.spec.selector.matchLabels['batch.kubernetes.io/controller-uid'], job.metadata.uid)
  assert.equal((await row('job/once')).slice(0, 3), ['once', 'Running', '0/1'])

  await kubectl('create cronjob nightly --image=busybox --schedule=@daily -- true')
  assert.equal((await row('cronjob/nightly')).slice(0, 6), [
    'nightly',
    '@daily',
    '<none>',
    'False',
    '0',
    '<none>',
  ])
  await kubectl('create job now --from=cronjob/nightly')
  assert.is((await json('job now')).metadata.ownerReferences[0].kind, 'CronJob')
  assert.match(
    await failure(kubectl('create cronjob bad --image=b --schedule=daily')),
    'expected exactly 5 fields, found 1: [daily]',
  )
  assert.match(
    await kubectl('get jobs --field-selector status.successful=0 -o name'),
    'job.batch/now',
  )
})

test('a budget is created and read', async () => {
  await kubectl('create pdb web --selector=app=web --min-available=50%')
  assert.equal((await row('pdb/web')).slice(0, 4), ['web', '50%', 'N/A', '0'])
})

test('an autoscaler is made in one version and read in both', async () => {
  await kubectl('create deployment web --image=web:1')
  await kubectl('autoscale deployment web --min=2 --max=5 --cpu-percent=70')
  assert.equal((await row('hpa/web')).slice(0, 6), [
    'web',
    'Deployment/web',
    'cpu: <unknown>/70%',
    '2',
    '5',
    '0',
  ])
  const v1 = await json('horizontalpodautoscalers.v1.autoscaling web')
  assert.is(v1.apiVersion, 'autoscaling/v1')
  assert.is(v1.spec.targetCPUUtilizationPercentage, 70)
  const v2 = await json('horizontalpodautoscalers.v2.autoscaling web')
  assert.is(v2.spec.metrics[0].resource.target.averageUtilization, 70)
  await kubectl(
    'patch horizontalpodautoscalers.v1.autoscaling web --type=merge -p {"spec":{"maxReplicas":9}}',
  )
  assert.is((await json('horizontalpodautoscalers.v2.autoscaling web')).spec.maxReplicas, 9)
})

test('workloads are explained', async () => {
  assert.match(await kubectl('explain job.spec.podFailurePolicy.rules.action'), 'FIELD: action')
  assert.match(await kubectl('explain statefulset.spec.ordinals.start'), 'FIELD: start')
})

test.after(() => plane.stop())
test.run()
