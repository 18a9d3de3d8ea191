import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { deepCopy, deepEqual } from '../../../src/api/equality.ts'
import type { UncheckedObject } from '../../../src/api/kind.ts'
import type { Json } from '../../../src/api/meta.ts'
import { applyStrategicMergePatch } from '../../../src/api/patch/strategic-merge-patch.ts'

interface Case {
  name: string
  model?: string
  object: UncheckedObject
  patch: UncheckedObject
  expected: UncheckedObject
}

const containers = (...names: string[]) => names.map((name) => ({ name, image: `${name}:1` }))

const cases: Case[] = [
  {
    name: 'fields merge, null deletes, scalars replace',
    object: { metadata: { labels: { a: '1', b: '2' } }, spec: { nodeName: 'x', hostname: 'h' } },
    patch: { metadata: { labels: { b: null, c: '3' } }, spec: { nodeName: 'y' } },
    expected: { metadata: { labels: { a: '1', c: '3' } }, spec: { nodeName: 'y', hostname: 'h' } },
  },
  {
    name: 'containers merge by name and keep what the patch does not name',
    object: { spec: { containers: containers('a', 'b') } },
    patch: { spec: { containers: [{ name: 'b', image: 'b:2' }] } },
    expected: {
      spec: {
        containers: [
          { name: 'a', image: 'a:1' },
          { name: 'b', image: 'b:2' },
        ],
      },
    },
  },
  {
    name: 'a new container goes before those only the server has',
    object: { spec: { containers: containers('a', 'b') } },
    patch: { spec: { containers: [{ name: 'c', image: 'c:1' }] } },
    expected: { spec: { containers: containers('c', 'a', 'b') } },
  },
  {
    name: 'a list without merge key is replaced',
    object: {
      spec: { containers: [{ name: 'a', args: ['1', '2'] }], tolerations: [{ key: 'x' }] },
    },
    patch: { spec: { containers: [{ name: 'a', args: ['3'] }], tolerations: [{ key: 'y' }] } },
    expected: { spec: { containers: [{ name: 'a', args: ['3'] }], tolerations: [{ key: 'y' }] } },
  },
  {
    name: 'an item is deleted with $patch: delete',
    object: { spec: { containers: containers('a', 'b') } },
    patch: { spec: { containers: [{ $patch: 'delete', name: 'a' }] } },
    expected: { spec: { containers: containers('b') } },
  },
  {
    name: 'a list is replaced with $patch: replace',
    object: { spec: { containers: containers('a', 'b') } },
    patch: { spec: { containers: [{ name: 'c' }, { $patch: 'replace' }] } },
    expected: { spec: { containers: [{ name: 'c' }] } },
  },
  {
    name: 'a map is replaced with $patch: replace',
    object: { metadata: { labels: { a: '1' } } },
    patch: { metadata: { labels: { $patch: 'replace', b: '2' } } },
    expected: { metadata: { labels: { b: '2' } } },
  },
  {
    name: '$setElementOrder orders what merges',
    object: { spec: { containers: containers('a', 'b', 'c') } },
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'd' }, { name: 'a' }],
        containers: [{ name: 'd', image: 'd:1' }],
      },
    },
    expected: { spec: { containers: containers('b', 'c', 'd', 'a') } },
  },
  {
    name: '$setElementOrder alone reorders',
    object: { spec: { containers: containers('a', 'b') } },
    patch: { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
    expected: { spec: { containers: containers('b', 'a') } },
  },
  {
    name: '$setElementOrder lets the patch delete and add, as kubectl apply sends it',
    object: {
      spec: { containers: [{ name: 'a', env: [{ name: 'X', value: '1' }, { name: 'Y' }] }] },
    },
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'a' }],
        containers: [
          {
            name: 'a',
            '$setElementOrder/env': [{ name: 'Y' }, { name: 'Z' }],
            env: [
              { name: 'Z', value: '3' },
              { $patch: 'delete', name: 'X' },
            ],
          },
        ],
      },
    },
    expected: {
      spec: { containers: [{ name: 'a', env: [{ name: 'Y' }, { name: 'Z', value: '3' }] }] },
    },
  },
  {
    name: '$retainKeys clears the other members of a union',
    model: 'V1Deployment',
    object: { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    patch: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    expected: { spec: { strategy: { type: 'Recreate' } } },
  },
  {
    name: '$retainKeys in a volume',
    object: { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
    patch: {
      spec: {
        volumes: [{ $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/' } }],
      },
    },
    expected: { spec: { volumes: [{ name: 'v', hostPath: { path: '/' } }] } },
  },
  {
    name: 'finalizers are a set',
    object: { metadata: { finalizers: ['a/a', 'b/b'] } },
    patch: {
      metadata: {
        '$deleteFromPrimitiveList/finalizers': ['a/a'],
        '$setElementOrder/finalizers': ['b/b', 'c/c'],
        finalizers: ['c/c'],
      },
    },
    expected: { metadata: { finalizers: ['b/b', 'c/c'] } },
  },
  {
    name: 'directives and nulls are not stored in new values',
    object: { spec: {} },
    patch: {
      spec: {
        containers: [{ name: 'a', env: [{ $patch: 'delete', name: 'X' }], stdin: null }],
        securityContext: { $retainKeys: ['runAsUser'], runAsUser: 1 },
      },
    },
    expected: { spec: { containers: [{ name: 'a', env: [] }], securityContext: { runAsUser: 1 } } },
  },
  {
    name: 'service ports merge by port',
    model: 'V1Service',
    object: { spec: { ports: [{ port: 80, targetPort: 8080 }, { port: 443 }] } },
    patch: { spec: { ports: [{ port: 80, nodePort: 30000 }] } },
    expected: { spec: { ports: [{ port: 80, targetPort: 8080, nodePort: 30000 }, { port: 443 }] } },
  },
]

for (const { name, model = 'V1Pod', object, patch, expected } of cases) {
  test(name, () => {
    const before = deepCopy({ object, patch })
    const once = applyStrategicMergePatch(object, patch, model)
    assert.equal(once, expected)
    assert.equal({ object, patch }, before, 'the arguments are not changed')
    assert.equal(applyStrategicMergePatch(once, patch, model), expected, 'twice is once')
  })
}

test('an empty patch changes nothing', () => {
  const object = { spec: { containers: containers('a', 'b') } }
  assert.equal(applyStrategicMergePatch(object, {}, 'V1Pod'), object)
})

test('a bad patch is refused in the words of Kubernetes', () => {
  const object = { spec: { containers: containers('a') } }
  const refusals: [UncheckedObject, number, string][] = [
    [
      { spec: { containers: [{ image: 'x' }] } },
      500,
      'map: map[image:x] does not contain declared merge key: name',
    ],
    [{ spec: { $retainKeys: 'x' } }, 400, 'invalid patch format of retainKeys'],
    [{ spec: { $retainKeys: ['a'], b: 1 } }, 400, 'invalid patch format of retainKeys'],
    [
      { spec: { '$setElementOrder/containers': 1 } },
      500,
      'expected a []interface {}, but received a int64',
    ],
    [
      { spec: { $patch: 'nonsense' } },
      500,
      'unknown patch type: nonsense in map: map[$patch:nonsense]',
    ],
    [
      { spec: { containers: [{ name: 'a', $patch: 'merge' }] } },
      500,
      'merging lists cannot yet be specified in the patch',
    ],
    [
      { spec: { containers: containers('a'), '$setElementOrder/containers': [{ name: 'b' }] } },
      500,
      "The order in patch list:\n[map[image:a:1 name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    ],
  ]
  for (const [patch, code, message] of refusals)
    assert.throws(
      () => applyStrategicMergePatch(object, patch, 'V1Pod'),
      (error: Error & { code: number }) => error.code === code && error.message === message,
      message,
    )
})

const labels = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'))
const pod = fc.record({
  metadata: fc.record({
    labels,
    finalizers: fc.uniqueArray(fc.constantFrom('x/a', 'x/b', 'x/c')),
  }),
  spec: fc.record({
    hostname: fc.option(fc.constantFrom('h', 'i'), { nil: undefined }),
    nodeSelector: labels,
    containers: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd'),
        image: fc.constantFrom('i:1', 'i:2'),
        command: fc.array(fc.constantFrom('x', 'y')),
        env: fc.uniqueArray(
          fc.record({ name: fc.constantFrom('X', 'Y'), value: fc.constantFrom('1', '2') }),
          { selector: ({ name }) => name },
        ),
      }),
      { selector: ({ name }) => name },
    ),
  }),
})

test('a patch made of the difference of two objects leads from one to the other', () => {
  fc.assert(
    fc.property(pod, pod, (from, to) => {
      const before = JSON.parse(JSON.stringify(from)) as Tree
      const after = JSON.parse(JSON.stringify(to)) as Tree
      assert.equal(applyStrategicMergePatch(before, difference(before, after), 'V1Pod'), after)
    }),
    { numRuns: 1000 },
  )
})

type Tree = { [key: string]: Json }

const MERGED: Readonly<Record<string, string>> = { containers: 'name', env: 'name' }

/** The patch that kubectl would send: changes, deletions, and the order of lists that merge. */
const difference = (from: Tree, to: Tree): Tree => {
  const patch: Tree = {}
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const before = from[key]
    const after = to[key]
    if (deepEqual(before, after)) continue
    const mergeKey = MERGED[key]
    if (after === undefined) patch[key] = null
    else if (Array.isArray(before) && Array.isArray(after) && mergeKey)
      Object.assign(patch, differenceOfLists(key, before as Tree[], after as Tree[], mergeKey))
    else if (Array.isArray(before) && Array.isArray(after) && key === 'finalizers') {
      patch[`$setElementOrder/${key}`] = after
      patch[`$deleteFromPrimitiveList/${key}`] = before.filter((item) => !after.includes(item))
      patch[key] = after.filter((item) => !before.includes(item))
    } else if (isTree(before) && isTree(after)) patch[key] = difference(before, after)
    else patch[key] = after
  }
  return patch
}

const differenceOfLists = (key: string, from: Tree[], to: Tree[], mergeKey: string): Tree => {
  const items: Tree[] = []
  for (const after of to) {
    const before = from.find((item) => item[mergeKey] === after[mergeKey])
    if (!before) items.push(after)
    else if (!deepEqual(before, after))
      items.push({ ...difference(before, after), [mergeKey]: after[mergeKey]! })
  }
  for (const before of from)
    if (!to.some((item) => item[mergeKey] === before[mergeKey]))
      items.push({ [mergeKey]: before[mergeKey]!, $patch: 'delete' })
  return {
    [key]: items,
    [`$setElementOrder/${key}`]: to.map((item) => ({ [mergeKey]: item[mergeKey]! })),
  }
}

const isTree = (value: Json | undefined): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

test.run()
