/**
 * What a decision costs: `node bench/authorize.mjs`. Not part of the tests.
 *
 * 1,000 roles and 10,000 bindings: spread over users and namespaces, and all of them for one group. Prints the
 * first decisions (which build the index and compile) and the mean of the following ones, in microseconds, with
 * the memory that was taken.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { schemaPlugin } from '../ops/derive-schemas.mjs'

const folder = mkdtempSync(join(tmpdir(), 'kubus-bench-'))
const entry = join(folder, 'entry.ts')
const from = (path) => JSON.stringify(join(process.cwd(), path))
writeFileSync(
  entry,
  `export { createAuthorizer } from ${from('src/actors/apiserver/authorization/authorizer.ts')}
export * from ${from('test/support/policy.ts')}
export { memoryCache } from ${from('test/support/memory-cache.ts')}`,
)
const outfile = join(folder, 'bench.mjs')
await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  plugins: [schemaPlugin],
  banner: {
    js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);",
  },
})
const { createAuthorizer, clusterRole, clusterRoleBinding, roleBinding, memoryCache } =
  await import(outfile)
rmSync(folder, { recursive: true })

const ROLES = 1_000
const BINDINGS = 10_000
const DECISIONS = 1_000_000

const roles = Array.from({ length: ROLES }, (_, index) =>
  clusterRole(
    `role-${index}`,
    `read core things${index},pods,configmaps`,
    `write apps deployments${index % 50}`,
    `get core secrets name-${index}`,
  ),
)
const spread = Array.from({ length: BINDINGS }, (_, index) =>
  roleBinding(
    `ns-${index % 100}`,
    `b-${index}`,
    `ClusterRole/role-${index % ROLES}`,
    `User:user-${index % 2_500}`,
    `ServiceAccount:ns-${index % 100}/robot-${index % 50}`,
  ),
)
const together = Array.from({ length: BINDINGS }, (_, index) =>
  clusterRoleBinding(`b-${index}`, `role-${index % ROLES}`, 'Group:everybody'),
)

const pods = { group: '', resource: 'pods' }
const cases = [
  [
    'a user, allowed',
    spread,
    (n) => [`user-${n % 2_500}`, [], { ...pods, verb: 'get', namespace: `ns-${n % 100}` }],
  ],
  [
    'a user, refused',
    spread,
    (n) => [`user-${n % 2_500}`, [], { ...pods, verb: 'delete', namespace: `ns-${n % 100}` }],
  ],
  [
    'one group of all bindings, allowed',
    together,
    (n) => [
      'x',
      ['system:authenticated', 'everybody'],
      { verb: 'get', group: '', resource: `things${n % ROLES}`, namespace: 'default' },
    ],
  ],
  [
    'one group of all bindings, by name',
    together,
    (n) => [
      'x',
      ['system:authenticated', 'everybody'],
      {
        verb: 'get',
        group: '',
        resource: 'secrets',
        name: `name-${n % ROLES}`,
        namespace: 'default',
      },
    ],
  ],
  [
    'one group of all bindings, refused',
    together,
    () => [
      'x',
      ['system:authenticated', 'everybody'],
      { ...pods, verb: 'delete', namespace: 'default' },
    ],
  ],
  ['system:masters', together, () => ['x', ['system:masters'], { ...pods, verb: 'get' }]],
]

const micros = (start) => Number(process.hrtime.bigint() - start) / 1000
for (const [title, bindings, ask] of cases) {
  const cache = memoryCache(...roles, ...bindings)
  const authorizer = createAuthorizer(cache)
  const asked = Array.from({ length: 10_000 }, (_, index) => {
    const [name, groups, rest] = ask(index)
    return { user: { name, groups }, ...rest }
  })
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const first = process.hrtime.bigint()
  authorizer.decide(asked[0])
  const firstTime = micros(first)
  for (const attributes of asked) authorizer.decide(attributes)
  globalThis.gc?.()
  const memory = (process.memoryUsage().heapUsed - before) / 1024 / 1024
  let allowed = 0
  const start = process.hrtime.bigint()
  for (let done = 0; done < DECISIONS; done += asked.length)
    for (const attributes of asked) if (authorizer.decide(attributes).allowed) allowed++
  const mean = micros(start) / DECISIONS
  console.log(
    `${title}: first ${firstTime.toFixed(0)} µs, then ${mean.toFixed(2)} µs, ${memory.toFixed(1)} MB, ${((100 * allowed) / DECISIONS).toFixed(0)} % allowed`,
  )
  authorizer.stop()
}
