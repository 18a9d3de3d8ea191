/**
 * Priority, as in Kubernetes' `plugin/pkg/admission/priority/admission_test.go`.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { priority } from '../../../../src/actors/apiserver/admission/priority.ts'
import { Pod } from '../../../../src/api/core/pod.ts'
import { PriorityClass } from '../../../../src/api/scheduling/priority-class.ts'
import { createDesk, stored } from './write.ts'

const aClass = (name: string, value: number, more: object = {}) =>
  stored<PriorityClass>(PriorityClass, name, { value, ...more })
const HIGH = aClass('high', 1000, { preemptionPolicy: 'Never' })
const DEFAULT = aClass('usual', 7, {
  globalDefault: true,
  preemptionPolicy: 'PreemptLowerPriority',
})
const pod = (spec: object) => stored<Pod>(Pod, 'web', { spec: { containers: [], ...spec } })

const outcomeOf = async (spec: object, ...classes: PriorityClass[]) => {
  const { object, error } = await createDesk([priority], ...classes).write({
    kind: Pod,
    object: pod(spec),
  })
  const { priorityClassName, priority: value, preemptionPolicy } = (object as Pod)?.spec ?? {}
  return error?.message ?? [priorityClassName, value, preemptionPolicy]
}

test('a pod has the priority of its class, of the default one, or none', async () => {
  assert.equal(await outcomeOf({ priorityClassName: 'high' }, HIGH), ['high', 1000, 'Never'])
  assert.equal(await outcomeOf({}, HIGH, DEFAULT), ['usual', 7, 'PreemptLowerPriority'])
  assert.equal(await outcomeOf({}, HIGH), [undefined, 0, 'PreemptLowerPriority'])
})

test('of several default classes the lowest counts', async () => {
  const lower = aClass('lower', 3, { globalDefault: true })
  assert.equal(await outcomeOf({}, DEFAULT, lower), ['lower', 3, undefined])
})

test('a class that does not exist, and numbers that are not the class, are refused', async () => {
  assert.is(
    await outcomeOf({ priorityClassName: 'none' }),
    'pods "web" is forbidden: no PriorityClass with name none was found',
  )
  assert.is(
    await outcomeOf({ priorityClassName: 'high', priority: 5 }, HIGH),
    'pods "web" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
  )
  assert.equal(await outcomeOf({ priorityClassName: 'high', priority: 1000 }, HIGH), [
    'high',
    1000,
    'Never',
  ])
  assert.is(
    await outcomeOf({ priorityClassName: 'high', preemptionPolicy: 'PreemptLowerPriority' }, HIGH),
    'pods "web" is forbidden: the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name',
  )
})

test('an update that leaves the priority out keeps it', async () => {
  const { object } = await createDesk([priority]).write({
    kind: Pod,
    operation: 'UPDATE',
    object: pod({}),
    old: pod({ priority: 5, preemptionPolicy: 'Never' }),
  })
  const { spec } = object as Pod
  assert.equal([spec!.priority, spec!.preemptionPolicy], [5, 'Never'])
})

test('only one class may be the default', async () => {
  const { write } = createDesk([priority], DEFAULT)
  const second = { kind: PriorityClass, object: aClass('second', 1, { globalDefault: true }) }
  assert.is(
    (await write(second)).error?.message,
    'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
  )
  assert.is((await write({ kind: PriorityClass, object: aClass('third', 1) })).error, undefined)
  const again = { kind: PriorityClass, operation: 'UPDATE' as const, object: DEFAULT, old: DEFAULT }
  assert.is((await write(again)).error, undefined)
})

test.run()
