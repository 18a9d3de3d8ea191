/**
 * What must hold of every apply and update, whatever the objects: found by trying many.
 */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { deepEqual } from '../../../src/api/equality.ts'
import { applyFields } from '../../../src/api/managed-fields/apply-fields.ts'
import {
  compactFields,
  parsedFields,
  wholeFields,
} from '../../../src/api/managed-fields/compact-fields.ts'
import { compareObjects } from '../../../src/api/managed-fields/comparison.ts'
import { createdFields } from '../../../src/api/managed-fields/created-fields.ts'
import {
  contains,
  difference,
  type FieldSet,
  fieldsText,
  hasPath,
  intersection,
  isEmptySet,
  pathsOf,
  setOfPath,
  union,
} from '../../../src/api/managed-fields/field-set.ts'
import { shapeOfModel } from '../../../src/api/managed-fields/field-shape.ts'
import { managersOfUpdated } from '../../../src/api/managed-fields/manage.ts'
import { type Managers, NOBODY } from '../../../src/api/managed-fields/manager-entry.ts'
import { fieldsOf } from '../../../src/api/managed-fields/object-fields.ts'
import type { Json, KubernetesObject } from '../../../src/api/meta.ts'

type Tree = { [key: string]: Json }

const POD = shapeOfModel('V1Pod')

const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'), {
  maxKeys: 3,
})
const container = fc.record(
  {
    image: fc.constantFrom('i:1', 'i:2'),
    command: fc.array(fc.constantFrom('run', 'stop'), { minLength: 1, maxLength: 2 }),
    env: fc.uniqueArray(
      fc.record({ name: fc.constantFrom('X', 'Y'), value: fc.constantFrom('1', '2') }),
      { selector: ({ name }) => name, maxLength: 2 },
    ),
    ports: fc.uniqueArray(
      fc.record({
        containerPort: fc.constantFrom(80, 443),
        protocol: fc.constantFrom('TCP', 'UDP'),
      }),
      {
        selector: ({ containerPort, protocol }) => `${containerPort}${protocol}`,
        maxLength: 3,
      },
    ),
    resources: fc.record(
      { limits: fc.dictionary(fc.constantFrom('cpu', 'memory'), fc.constantFrom('1', '2')) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['image'] },
)
/** Configurations as people write them: no empty maps or lists, which mean the same as absent ones. */
const configuration = fc
  .record(
    {
      labels,
      finalizers: fc.uniqueArray(fc.constantFrom('x.io/a', 'x.io/b'), { maxLength: 2 }),
      containers: fc.uniqueArray(fc.tuple(fc.constantFrom('one', 'two', 'three'), container), {
        selector: ([name]) => name,
        maxLength: 3,
      }),
      nodeSelector: labels,
      restartPolicy: fc.constantFrom('Always', 'Never'),
      hostname: fc.constantFrom('h', 'i'),
    },
    { requiredKeys: [] },
  )
  .map(({ labels, finalizers, containers, ...spec }): Tree => {
    const metadata: Tree = { name: 'p' }
    if (labels) metadata['labels'] = labels
    if (finalizers) metadata['finalizers'] = finalizers
    const items = containers?.map(([name, rest]) => ({ name, ...rest }))
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { ...spec, ...(items ? { containers: items } : {}) },
    } as unknown as Tree
    return withoutEmpty(object) as Tree
  })

const withoutEmpty = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (typeof value !== 'object' || value === null) return value
  const kept: Tree = {}
  for (const key in value) {
    const item = withoutEmpty(value[key] as Json)
    const isEmpty = typeof item === 'object' && item !== null && Object.keys(item).length === 0
    if (!isEmpty) kept[key] = item
  }
  return kept
}

interface State {
  live: Tree | undefined
  managers: Managers
}

const NEW: State = { live: undefined, managers: NOBODY }

const apply = ({ live, managers }: State, manager: string, applied: Tree): State => {
  const result = applyFields({
    shape: POD,
    live: live as unknown as KubernetesObject | undefined,
    managers,
    applied,
    by: { manager, apiVersion: 'v1', subresource: '', now: 0 },
    force: true,
    ignored: (field) => field === 'status',
  })
  return { live: withoutEmpty(result.object) as Tree, managers: result.managers }
}

const update = ({ live, managers }: State, manager: string, next: Tree): State => ({
  live: next,
  managers: managersOfUpdated(
    POD,
    managers,
    live as unknown as KubernetesObject,
    next as unknown as KubernetesObject,
    { manager, apiVersion: 'v1', subresource: '', now: 0 },
    () => false,
  ),
})

const fieldsOfManager = ({ managers }: State, manager: string): FieldSet => {
  const entry = managers.find((other) => other.manager === manager)
  return entry ? parsedFields(entry) : {}
}

const sameState = (one: State, other: State): boolean =>
  deepEqual(one.live, other.live) && deepEqual(one.managers, other.managers)

const RUNS = { numRuns: 300 }

test('applying twice changes nothing', () => {
  fc.assert(
    fc.property(configuration, configuration, configuration, (first, second, third) => {
      const before = apply(apply(NEW, 'me', first), 'you', second)
      const once = apply(before, 'me', third)
      const twice = apply(once, 'me', third)
      assert.ok(sameState(once, twice))
    }),
    RUNS,
  )
})

test('after an apply the object holds what was applied', () => {
  fc.assert(
    fc.property(configuration, configuration, (first, second) => {
      const { live } = apply(apply(NEW, 'me', first), 'you', second)
      const named = fieldsOf(POD, second)
      assert.ok(contains(fieldsOf(POD, live!), named))
    }),
    RUNS,
  )
})

test('who applied alone, and applies less, leaves nothing behind', () => {
  fc.assert(
    fc.property(configuration, configuration, (first, second) => {
      const { live } = apply(apply(NEW, 'me', first), 'me', second)
      assert.equal(inOrder(live!), inOrder(second))
    }),
    RUNS,
  )
})

test('leaving fields out removes exactly what only this manager had', () => {
  fc.assert(
    fc.property(configuration, configuration, (first, second) => {
      const both = apply(apply(NEW, 'you', second), 'me', first)
      const left = apply(both, 'me', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } })
      const gone = difference(fieldsOf(POD, both.live!), fieldsOf(POD, left.live!))
      const kept = fieldsOfManager(both, 'you')
      assert.ok(isEmptySet(intersection(gone, kept)), 'what the other has stays')
      const mine = difference(fieldsOfManager(both, 'me'), kept)
      const still = intersection(fieldsOf(POD, left.live!), mine)
      for (const path of pathsOf(still))
        assert.ok(
          pathsOf(kept).some((other) => path.every((element, index) => other[index] === element)),
          `${path.join(' ')} stays only for what the other has in it`,
        )
      assert.equal(fieldsOfManager(left, 'me'), {})
    }),
    RUNS,
  )
})

test('every manager of an update is told what it changed, and nobody has what is gone', () => {
  fc.assert(
    fc.property(configuration, configuration, configuration, (first, second, third) => {
      const before = apply(apply(NEW, 'me', first), 'you', second)
      const after = update(before, 'hand', third)
      const { changed, removed } = compareObjects(POD, before.live!, third, isUnmanaged)
      assert.ok(contains(fieldsOfManager(after, 'hand'), changed))
      for (const entry of after.managers) {
        const { manager } = entry
        const owned = parsedFields(entry)
        assert.ok(isEmptySet(intersection(owned, removed)))
        if (manager !== 'hand') assert.ok(isEmptySet(intersection(owned, changed)))
      }
    }),
    RUNS,
  )
})

test('the fields of a new object are those a comparison with nothing finds', () => {
  fc.assert(
    fc.property(configuration, (object) => {
      const text = createdFields(POD, object, isUnmanaged)
      const { changed } = compareObjects(POD, {}, object, isUnmanaged)
      assert.equal(JSON.parse(text), JSON.parse(fieldsText(changed)))
      assert.is(text, fieldsText(changed))
    }),
    RUNS,
  )
})

test('a compact text stands for the very same fields', () => {
  const addresses = fc.uniqueArray(fc.ipV4(), { maxLength: 3 })
  fc.assert(
    fc.property(addresses, addresses, (ips, uids) => {
      const podIPs = ips.map((ip) => ({ ip }))
      const ownerReferences = uids.map((uid) => ({ uid, name: 'o' }))
      const set = fieldsOf(POD, { metadata: { ownerReferences }, status: { podIPs } })
      const text = fieldsText(set)
      const compact = compactFields(text)
      assert.is(wholeFields(compact), text)
      assert.is(fieldsText(parsedFields(compact)), text)
      assert.equal(compact.values.toSorted(), [...ips, ...uids].sort())
    }),
    RUNS,
  )
})

test('sets behave as sets', () => {
  const sets = configuration.map((object) => fieldsOf(POD, object))
  fc.assert(
    fc.property(sets, sets, (one, other) => {
      assert.equal(fieldsText(union(one, other)), fieldsText(union(other, one)))
      assert.ok(contains(union(one, other), one))
      assert.ok(isEmptySet(intersection(difference(one, other), other)))
      assert.is(
        fieldsText(union(difference(one, other), intersection(one, other))),
        fieldsText(one),
      )
      assert.is(difference(one, {}), one)
      for (const path of pathsOf(one)) assert.ok(hasPath(one, path))
      assert.is(
        fieldsText(pathsOf(one).reduce<FieldSet>((set, path) => union(set, setOfPath(path)), {})),
        fieldsText(one),
      )
    }),
    RUNS,
  )
})

const isUnmanaged = (name: string, isMetadata: boolean): boolean =>
  isMetadata ? name === 'name' : name === 'apiVersion' || name === 'kind'

/** With lists that merge in the order of their keys: an apply may leave them in another. */
const inOrder = (value: Json): Json => {
  if (Array.isArray(value))
    return value.map(inOrder).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, inOrder(value[key] as Json)]),
  )
}

test.run()
