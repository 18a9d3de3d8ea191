/**
 * Policies and webhooks as Kubernetes' documentation and large manifests have them, with the real kubectl.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ControlPlane, startControlPlane } from '../../../support/control-plane.ts'

let plane: ControlPlane
test.before(async () => {
  plane = await startControlPlane()
})
test.after(() => plane?.stop())

const apply = (input: string, ...args: string[]) =>
  plane.kubectl(['apply', '-f', '-', ...args], { input })

const failure = async (run: Promise<string>): Promise<string> => {
  try {
    await run
  } catch (error) {
    return (error as Error).message.trim()
  }
  throw new Error('it did not fail')
}

const deployment = (name: string, namespace: string, replicas: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
      - {name: web, image: example.com/web:1}
      - {name: exempt, image: default.registry/web:1}
`

test('a limit of replicas that is a parameter of a policy', async () => {
  await plane.kubectl(['create', 'namespace', 'staging'])
  await plane.kubectl(['label', 'namespace', 'staging', 'environment=test'])
  await apply(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: replicalimits.rules.example.com}
spec:
  group: rules.example.com
  scope: Namespaced
  names: {plural: replicalimits, singular: replicalimit, kind: ReplicaLimit}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {maxReplicas: {type: integer}}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicalimit-policy.example.com}
spec:
  failurePolicy: Fail
  paramKind: {apiVersion: rules.example.com/v1, kind: ReplicaLimit}
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  validations:
  - expression: object.spec.replicas <= params.maxReplicas
    reason: Invalid
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replicalimit-binding-test.example.com}
spec:
  policyName: replicalimit-policy.example.com
  validationActions: [Deny]
  paramRef: {name: replica-limit-test.example.com, namespace: default, parameterNotFoundAction: Deny}
  matchResources:
    namespaceSelector: {matchLabels: {environment: test}}
`)
  await plane.kubectl([
    'wait',
    '--for=condition=Established',
    'crd/replicalimits.rules.example.com',
  ])
  await apply(`
apiVersion: rules.example.com/v1
kind: ReplicaLimit
metadata: {name: replica-limit-test.example.com, namespace: default}
maxReplicas: 3
`)
  assert.is(
    await failure(apply(deployment('many', 'staging', 5))),
    `kubectl apply -f -: The deployments "many" is invalid: : ValidatingAdmissionPolicy 'replicalimit-policy.example.com' with binding 'replicalimit-binding-test.example.com' denied request: failed expression: object.spec.replicas <= params.maxReplicas`,
  )
  await apply(deployment('few', 'staging', 3))
  await apply(deployment('many', 'default', 5))
  const scaled = plane.kubectl(['scale', '-n', 'staging', 'deployment/few', '--replicas=9'])
  assert.is(await scaled, 'deployment.apps/few scaled\n')
  assert.match(
    await failure(plane.kubectl(['annotate', '-n', 'staging', 'deployment/few', 'a=b'])),
    /failed expression: object\.spec\.replicas <= params\.maxReplicas/,
  )
})

test('images by the environment that a namespace’s label names, with variables and a message', async () => {
  await plane.kubectl(['create', 'namespace', 'prod'])
  await plane.kubectl(['label', 'namespace', 'prod', 'environment=prod'])
  await apply(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: image-matches-namespace-environment.policy.example.com}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  variables:
  - name: environment
    expression: "'environment' in namespaceObject.metadata.labels ? namespaceObject.metadata.labels['environment'] : 'prod'"
  - name: exempt
    expression: "'exempt' in object.metadata.labels && object.metadata.labels['exempt'] == 'true'"
  - name: containers
    expression: object.spec.template.spec.containers
  - name: containersToCheck
    expression: variables.containers.filter(c, c.image.contains('example.com/'))
  validations:
  - expression: "(has(object.metadata.labels) && variables.exempt) || variables.containersToCheck.all(c, c.image.startsWith(variables.environment + '.'))"
    messageExpression: "'only ' + variables.environment + ' images are allowed in namespace ' + namespaceObject.metadata.name"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: image-binding}
spec:
  policyName: image-matches-namespace-environment.policy.example.com
  validationActions: [Deny]
  matchResources:
    namespaceSelector: {matchLabels: {environment: prod}}
`)
  assert.match(
    await failure(apply(deployment('web', 'prod', 1))),
    /denied request: only prod images are allowed in namespace prod$/m,
  )
})

test('a sidecar that a mutating policy adds', async () => {
  await plane.kubectl(['create', 'namespace', 'meshed'])
  await apply(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: sidecar-policy.example.com}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  matchConditions:
  - name: does-not-already-have-sidecar
    expression: "!object.spec.?initContainers.orValue([]).exists(ic, ic.name == 'mesh-proxy')"
  failurePolicy: Fail
  reinvocationPolicy: IfNeeded
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >
        Object{
          spec: Object.spec{
            initContainers: [
              Object.spec.initContainers{
                name: "mesh-proxy",
                image: "mesh/proxy:" + params.data.version,
                args: has(params.data.args) ? [params.data.args] : [],
                restartPolicy: "Always"
              }
            ]
          }
        }
  - patchType: JSONPatch
    jsonPatch:
      expression: >
        [JSONPatch{
          op: has(object.metadata.annotations) ? "add" : "add", path: "/metadata/annotations",
          value: {"mesh.example.com/version": params.data.version}
        }]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: sidecar-binding-test.example.com}
spec:
  policyName: sidecar-policy.example.com
  paramRef: {name: meshproxy-test.example.com, namespace: default, parameterNotFoundAction: Deny}
  matchResources:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: meshed}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: meshproxy-test.example.com, namespace: default}
data: {version: "1.2"}
`)
  const pod = `
apiVersion: v1
kind: Pod
metadata: {name: myapp, namespace: meshed}
spec: {containers: [{name: myapp, image: example/myapp:1}]}
`
  const refused = await failure(apply(pod))
  assert.match(
    refused,
    'may not mutate atomic arrays, maps or structs: .spec.initContainers[0].args',
  )
  await plane.kubectl([
    'patch',
    'mutatingadmissionpolicy/sidecar-policy.example.com',
    '--type=json',
    '-p',
    JSON.stringify([
      {
        op: 'replace',
        path: '/spec/mutations/0/applyConfiguration/expression',
        value:
          'Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: "mesh-proxy", image: "mesh/proxy:" + params.data.version, restartPolicy: "Always"}]}}',
      },
    ]),
  ])
  await apply(pod)
  const shown = JSON.parse(
    await plane.kubectl(['get', 'pod', '-n', 'meshed', 'myapp', '-o', 'json']),
  ) as { metadata: { annotations: object }; spec: { initContainers: { image: string }[] } }
  assert.equal(
    shown.spec.initContainers.map(({ image }) => image),
    ['mesh/proxy:1.2'],
  )
  assert.equal(shown.metadata.annotations, { 'mesh.example.com/version': '1.2' })
})

const webhooks = (kind: string, name: string, failurePolicy: string, group: string): string => `
apiVersion: admissionregistration.k8s.io/v1
kind: ${kind}
metadata: {name: ${name}}
webhooks:
- name: ${name}.example.com
  rules: [{apiGroups: [${group}], apiVersions: [v1], operations: [CREATE, UPDATE], resources: ["*/*"]}]
  admissionReviewVersions: [v1]
  matchPolicy: Equivalent
  timeoutSeconds: 10
  failurePolicy: ${failurePolicy}
  sideEffects: None
  namespaceSelector:
    matchExpressions: [{key: cert-manager.io/disable-validation, operator: NotIn, values: ["true"]}]
  clientConfig:
    service: {name: ${name}, namespace: cert-manager, path: /validate}
`

test('webhooks of manifests whose servers do not run yet refuse only what they are about', async () => {
  const group = 'cert-manager.io'
  await apply(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: issuers.${group}, annotations: {api-approved.kubernetes.io: none}}
spec:
  group: ${group}
  scope: Namespaced
  names: {plural: issuers, singular: issuer, kind: Issuer}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
${webhooks('ValidatingWebhookConfiguration', 'cert-manager-webhook', 'Fail', group)}
---
${webhooks('MutatingWebhookConfiguration', 'istio-sidecar-injector', 'Ignore', group)}
`)
  await plane.kubectl(['wait', '--for=condition=Established', `crd/issuers.${group}`])
  const issuer = (namespace: string) => `
apiVersion: ${group}/v1
kind: Issuer
metadata: {name: self, namespace: ${namespace}}
spec: {selfSigned: {}}
`
  assert.is(
    await failure(apply(issuer('default'))),
    `kubectl apply -f -: Error from server (InternalError): error when creating "STDIN": Internal error occurred: failed calling webhook "cert-manager-webhook.example.com": failed to call webhook: Post "https://cert-manager-webhook.cert-manager.svc:443/validate?timeout=10s": service "cert-manager-webhook" not found`,
  )
  await plane.kubectl(['create', 'namespace', 'exempt'])
  await plane.kubectl(['label', 'namespace', 'exempt', 'cert-manager.io/disable-validation=true'])
  await apply(issuer('exempt'))
  await apply(deployment('web', 'default', 1))
})

test.run()
