/**
 * The real kubectl against nats-server, store and apiserver: identities, roles, certificates and policies.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { JANE } from '../../api/certificates/requests.ts'
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

test('auth whoami and auth can-i', async () => {
  const me = await kubectl('auth whoami')
  assert.match(me, /Username +admin/)
  assert.match(me, /Groups +\[system:masters system:authenticated\]/)
  assert.match(await kubectl('auth whoami --as=jane --as-group=staff'), /Username +jane\n/)
  assert.is((await kubectl('auth can-i create deployments.apps')).trim(), 'yes')
  assert.is((await kubectl('auth can-i get pods --subresource=log')).trim(), 'yes')
  assert.is((await kubectl('auth can-i get /metrics')).trim(), 'yes')
  assert.match(await kubectl('auth can-i --list'), /\*\.\* +\[\] +\[\] +\[\*\]/)
})

test('create token gives a token that is the account', async () => {
  await kubectl('create serviceaccount robot')
  const token = (await kubectl('create token robot --duration=20m')).trim()
  const { exp, iat, sub } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
  assert.is(sub, 'system:serviceaccount:default:robot')
  assert.is(exp - iat, 20 * 60)
  const listPods = async () => {
    const headers = { authorization: `Bearer ${token}` }
    const options = { anonymous: true, headers }
    const answer = await plane.api.call(
      'GET',
      '/api/v1/namespaces/default/pods',
      undefined,
      options,
    )
    return answer.code
  }
  assert.is(await listPods(), 403)
  await kubectl(
    'create rolebinding robot --clusterrole=cluster-admin --serviceaccount=default:robot',
  )
  assert.is(await listPods(), 200)
  const bound = 'create token robot --bound-object-kind=Secret --bound-object-name=none'
  assert.match(await failure(kubectl(bound)), 'secrets "none" not found')
})

test('create role, clusterrole and their bindings', async () => {
  await kubectl('create role reader --verb=get,list --resource=pods,deployments.apps')
  await kubectl('create clusterrole prober --verb=get --non-resource-url=/healthz')
  await kubectl(
    'create rolebinding readers --role=reader --user=jane --serviceaccount=default:robot',
  )
  await kubectl('create clusterrolebinding probers --clusterrole=prober --group=staff')
  assert.match(await kubectl('get role reader'), /^NAME +CREATED AT\nreader +\d{4}-/)
  assert.match(
    await kubectl('get rolebinding readers -o wide'),
    /readers +Role\/reader +\S+ +jane +default\/robot/,
  )
  assert.match(
    await kubectl('get clusterrolebinding probers -o wide'),
    /ClusterRole\/prober.+staff/,
  )
  assert.match(await kubectl('describe role reader'), /deployments\.apps +\[\] +\[\] +\[get list\]/)
  const wrong =
    'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: readers, namespace: default}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: other}\n'
  assert.match(await failure(kubectl('apply -f -', wrong)), 'cannot change roleRef')
  const reconciled = wrong.replace('other', 'reader')
  assert.match(await kubectl('auth reconcile -f -', reconciled), 'rolebinding.rbac')
})

test('certificate approve and deny', async () => {
  const request = (name: string) => `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ${name}}
spec: {request: ${JANE}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth], expirationSeconds: 3600}
`
  await kubectl('create -f -', request('jane'))
  await kubectl('create -f -', request('joe'))
  assert.match(
    await kubectl('get csr jane'),
    /jane +\d+s +kubernetes\.io\/kube-apiserver-client +admin +60m +Pending/,
  )
  await kubectl('certificate approve jane')
  await kubectl('certificate deny joe')
  assert.match(await kubectl('get csr'), /jane .+Approved\n/)
  assert.match(await kubectl('get csr'), /joe .+Denied\n/)
  assert.match(await kubectl('describe csr jane'), /Common Name: +jane/)
})

test('webhook configurations and admission policies are applied and listed', async () => {
  const manifest = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas.example.com}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments], scope: '*'}]
  validations: [{expression: "object.spec.replicas <= 5"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replicas.example.com}
spec: {policyName: replicas.example.com, validationActions: [Deny]}
`
  assert.match(await kubectl('apply -f -', manifest), /policy.+created\n.+binding.+created/s)
  assert.match(await kubectl('apply -f -', manifest), /unchanged\n.+unchanged/s)
  assert.match(
    await kubectl('get validatingadmissionpolicies'),
    /replicas\.example\.com +1 +<unset>/,
  )
  const wrong = manifest.replace('<= 5', '<=')
  assert.match(await failure(kubectl('apply -f -', wrong)), 'compilation failed')
})

test('apiservices and events are listed', async () => {
  assert.match(await kubectl('get apiservices'), /v1\.apps +Local +True/)
  await kubectl(
    'create -f -',
    `apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: e.1}
eventTime: "2026-01-01T00:00:00.000000Z"
type: Normal
reason: Tested
action: Testing
note: it was tested
reportingController: example.com/tester
reportingInstance: tester-1
regarding: {kind: Pod, name: web, namespace: default, apiVersion: v1}
`,
  )
  assert.match(await kubectl('get events'), 'it was tested')
  assert.match(
    await kubectl('get events.v1.events.k8s.io e.1 -o jsonpath={.note}'),
    'it was tested',
  )
  assert.match(await kubectl('events'), 'it was tested')
})

test('api-resources and explain know the kinds', async () => {
  const resources = await kubectl('api-resources')
  assert.match(resources, /certificatesigningrequests +csr +certificates\.k8s\.io\/v1 +false/)
  assert.match(resources, /selfsubjectreviews +authentication\.k8s\.io\/v1 +false/)
  assert.match(resources, /resourceclaims +resource\.k8s\.io\/v1 +true/)
  assert.match(await kubectl('explain role.rules.verbs'), /FIELD: verbs/)
})

test.after(() => plane.stop())
test.run()
