/**
 * Policies and webhooks as plug-ins of a chain, without doors: notes for the audit log, authorizers that have to be
 * waited for, and configurations that change.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AdmissionChain, admissionOf } from '../../../../src/actors/apiserver/admission/chain.ts'
import { DynamicAdmission } from '../../../../src/actors/apiserver/admission/dynamic-admission.ts'
import { mutatingAdmissionPolicy } from '../../../../src/actors/apiserver/admission/mutating-admission-policy.ts'
import { mutatingAdmissionWebhook } from '../../../../src/actors/apiserver/admission/mutating-admission-webhook.ts'
import { validatingAdmissionPolicy } from '../../../../src/actors/apiserver/admission/validating-admission-policy.ts'
import { validatingAdmissionWebhook } from '../../../../src/actors/apiserver/admission/validating-admission-webhook.ts'
import type { Attributes } from '../../../../src/actors/apiserver/authorization/attributes.ts'
import type { ApiRequest } from '../../../../src/actors/apiserver/request.ts'
import type { Services } from '../../../../src/actors/apiserver/services.ts'
import { WebhookClient } from '../../../../src/actors/apiserver/webhook-call.ts'
import { MutatingWebhookConfiguration } from '../../../../src/api/admissionregistration/mutating-webhook-configuration.ts'
import { ValidatingAdmissionPolicy } from '../../../../src/api/admissionregistration/validating-admission-policy.ts'
import { ValidatingAdmissionPolicyBinding } from '../../../../src/api/admissionregistration/validating-admission-policy-binding.ts'
import { ValidatingWebhookConfiguration } from '../../../../src/api/admissionregistration/validating-webhook-configuration.ts'
import { ConfigMap } from '../../../../src/api/core/config-map.ts'
import { Namespace } from '../../../../src/api/core/namespace.ts'
import type { AnyKind } from '../../../../src/api/kind.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import type { Bus } from '../../../../src/bus/bus.ts'
import { systemClock } from '../../../../src/std/clock.ts'
import { memoryStorage } from '../../../support/memory-storage.ts'
import { patching, startWebhookServer } from '../../../support/webhook-server.ts'

interface World {
  put(kind: AnyKind, name: string, rest: object): Promise<void>
  remove(kind: AnyKind, name: string): Promise<void>
  /** Sends a ConfigMap through the chain; the result are its notes. */
  create(name?: string): Promise<Record<string, string>>
  stop(): void
}

const begin = async (
  decide: (attributes: Attributes) => unknown = () => ({ allowed: true }),
): Promise<World> => {
  const storage = memoryStorage()
  const dynamicAdmission = new DynamicAdmission(storage.cache)
  const webhooks = new WebhookClient({
    cache: storage.cache,
    bus: {} as Bus,
    clock: systemClock,
  })
  const services = {
    storage,
    clock: systemClock,
    authorizer: { decide },
    dynamicAdmission,
    webhooks,
    admission: new AdmissionChain([
      mutatingAdmissionPolicy,
      mutatingAdmissionWebhook,
      validatingAdmissionPolicy,
      validatingAdmissionWebhook,
    ]),
  } as unknown as Services
  const put = async (kind: AnyKind, name: string, rest: object): Promise<void> => {
    const { apiVersion, kind: kindName } = kind
    const object = { apiVersion, kind: kindName, metadata: { name }, ...rest }
    await storage.write({ kind, name, expected: 0, object: object as KubernetesObject })
  }
  await put(Namespace, 'default', {})
  return {
    put,
    remove: async (kind, name) => {
      const last = storage.cache.get(kind, undefined, name)!
      const expected = Number(last.metadata.resourceVersion)
      await storage.write({ kind, name, expected, last })
    },
    create: async (name = 'one') => {
      const notes: Record<string, string> = {}
      const audit = {
        annotate: (key: string, value: string) => {
          notes[key] ??= value
        },
      }
      const request = {
        verb: 'create',
        kind: ConfigMap,
        namespace: 'default',
        name,
        user: { name: 'me', groups: [] },
        query: new URLSearchParams(),
        audit,
      } as unknown as ApiRequest
      const object = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default' },
        data: { a: '1' },
      } as unknown as KubernetesObject
      const admission = admissionOf(services, request, 'CREATE')!
      await admission.mutate(object, undefined)
      await admission.judge(object, undefined, () => Promise.resolve())
      return notes
    },
    stop: () => {
      dynamicAdmission.stop()
      webhooks.stop()
    },
  }
}

const RULES = [
  { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
]

const policy = (spec: object) => ({
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: { namespaceSelector: {}, objectSelector: {}, resourceRules: RULES },
    ...spec,
  },
})

const bind = (world: World, name: string, ...validationActions: string[]) =>
  world.put(ValidatingAdmissionPolicyBinding, name, {
    spec: { policyName: 'p', validationActions },
  })

const refusal = async (run: Promise<unknown>): Promise<string> => {
  try {
    await run
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

test('policies write their annotations and what they would refuse into the audit log', async () => {
  const world = await begin()
  await world.put(
    ValidatingAdmissionPolicy,
    'p',
    policy({
      validations: [{ expression: 'true' }, { expression: 'false', message: 'no' }],
      auditAnnotations: [
        { key: 'size', valueExpression: "'size: ' + string(object.data.size())" },
        { key: 'none', valueExpression: "''" },
      ],
    }),
  )
  await bind(world, 'b', 'Audit')
  assert.equal(await world.create(), {
    'p/size': 'size: 1',
    'validation.policy.admission.k8s.io/validation_failure': JSON.stringify([
      {
        message: 'no',
        policy: 'p',
        binding: 'b',
        expressionIndex: 1,
        validationActions: ['Audit'],
      },
    ]),
  })
  world.stop()
})

test('an annotation that fails refuses the write', async () => {
  const world = await begin()
  await world.put(
    ValidatingAdmissionPolicy,
    'p',
    policy({ auditAnnotations: [{ key: 'k', valueExpression: 'object.data.missing' }] }),
  )
  await bind(world, 'b', 'Warn')
  assert.match(
    await refusal(world.create()),
    /denied request: compilation error: must evaluate to one of \[string null_type\] but got dyn/,
  )
  world.stop()
})

test('an authorizer that has to be waited for is asked once a question', async () => {
  const questions: string[] = []
  const world = await begin((attributes) => {
    questions.push(`${attributes.user.name} ${attributes.verb} ${attributes.resource}`)
    return Promise.resolve({ allowed: attributes.verb === 'get', reason: 'because' })
  })
  await world.put(
    ValidatingAdmissionPolicy,
    'p',
    policy({
      variables: [
        { name: 'pods', expression: "authorizer.group('').resource('pods').namespace('x')" },
      ],
      validations: [
        { expression: "variables.pods.check('get').allowed()" },
        { expression: "variables.pods.check('get').reason() == 'because'" },
        {
          expression: "variables.pods.check('list').allowed()",
          message: 'may not list',
        },
      ],
    }),
  )
  await bind(world, 'b', 'Deny')
  assert.match(await refusal(world.create()), /may not list$/)
  assert.equal(questions, ['me get pods', 'me list pods'])
  world.stop()
})

test('policies and bindings are in force as soon as they are stored, and no longer than that', async () => {
  const world = await begin()
  await bind(world, 'b', 'Deny')
  assert.is(await refusal(world.create()), '')
  await world.put(
    ValidatingAdmissionPolicy,
    'p',
    policy({ validations: [{ expression: 'false' }] }),
  )
  assert.match(await refusal(world.create()), /failed expression: false/)
  await world.remove(ValidatingAdmissionPolicyBinding, 'b')
  assert.is(await refusal(world.create()), '')
  await bind(world, 'b', 'Deny')
  assert.match(await refusal(world.create()), /failed expression: false/)
  await world.remove(ValidatingAdmissionPolicy, 'p')
  assert.is(await refusal(world.create()), '')
  world.stop()
})

test('webhooks leave notes about what they changed, and that they failed', async () => {
  const world = await begin()
  const hooks = await startWebhookServer((_request, path) =>
    path === '/fails'
      ? { raw: '', code: 500 }
      : {
          ...patching({ op: 'add', path: '/data/b', value: '2' }),
          auditAnnotations: { why: 'because' },
        },
  )
  const webhook = (name: string, path: string) => ({
    name,
    clientConfig: { url: `${hooks.url}${path}`, caBundle: hooks.caBundle },
    rules: RULES,
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  })
  await world.put(MutatingWebhookConfiguration, 'm', {
    webhooks: [webhook('one.example.com', '/one'), webhook('two.example.com', '/fails')],
  })
  await world.put(ValidatingWebhookConfiguration, 'v', {
    webhooks: [webhook('three.example.com', '/fails')],
  })
  const notes = await world.create()
  const prefix = 'mutation.webhook.admission.k8s.io/round_0_index_'
  const mutation = (name: string, mutated: boolean) =>
    JSON.stringify({ configuration: 'm', webhook: name, mutated })
  assert.equal(notes, {
    'one.example.com/why': 'because',
    [`${prefix}0`]: mutation('one.example.com', true),
    'patch.webhook.admission.k8s.io/round_0_index_0': JSON.stringify({
      configuration: 'm',
      webhook: 'one.example.com',
      patch: [{ op: 'add', path: '/data/b', value: '2' }],
      patchType: 'JSONPatch',
    }),
    [`${prefix}1`]: mutation('two.example.com', false),
    [`failed-open.${prefix}1`]: 'two.example.com',
    'failed-open.validating.webhook.admission.k8s.io/round_0_index_0': 'three.example.com',
  })
  await hooks.stop()
  world.stop()
})

test.run()
