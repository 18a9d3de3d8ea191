/**
 * `kubectl explain` and kubectl's validation, which read what discovery and OpenAPI say.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startControlPlane } from '../../../support/control-plane.ts'

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

test('explain describes fields, in both of its sources', async () => {
  for (const output of ['plaintext', 'plaintext-openapiv2']) {
    const pod = await kubectl(`explain pod.spec.containers --api-version v1 --output ${output}`)
    assert.match(pod, /List of containers belonging to the pod\./)
    assert.match(pod, /imagePullPolicy/)
    const deployment = await kubectl(`explain deployments --recursive --output ${output}`)
    for (const field of ['maxSurge', 'topologySpreadConstraints', 'managedFields'])
      assert.match(deployment, field)
  }
  assert.match(await kubectl('explain po.spec.restartPolicy'), /ENUM:\s+Always\s+Never\s+OnFailure/)
  assert.match(await kubectl('explain hpa --api-version=autoscaling/v1'), /VERSION: +v1/)
  assert.match(await failure(kubectl('explain pod.spec.nope')), /field "nope" does not exist/)
})

test('explain knows custom resources while they are served', async () => {
  const DEFINITION = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        description: A table of jobs.
        properties:
          spec: {type: object, properties: {cronSpec: {type: string, description: When it runs.}}}
`
  await kubectl('create -f -', DEFINITION)
  await kubectl('wait --for=condition=Established crd/crontabs.stable.example.com --timeout=10s')
  assert.match(await kubectl('explain crontab --recursive'), /A table of jobs\.[\s\S]*cronSpec/)
  for (const output of ['plaintext', 'plaintext-openapiv2'])
    assert.match(await kubectl(`explain ct.spec.cronSpec --output ${output}`), /When it runs\./)
})

test('a misspelt field is refused before anything is made', async () => {
  const POD = `apiVersion: v1
kind: Pod
metadata: {name: wrong}
spec: {containers: [{name: a, image: b, imag: c}], foo: bar}
`
  const message = await failure(kubectl('create --validate=strict -f -', POD))
  assert.match(message, /unknown field "spec\.containers\[0\]\.imag"/)
  assert.match(message, /unknown field "spec\.foo"/)
  assert.match(await failure(kubectl('get pod wrong')), /not found/)
})

test.after(() => plane.stop())

test.run()
