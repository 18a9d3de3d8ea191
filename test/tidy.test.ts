/**
 * The rules of the house, checked: who imports whom, how files open, what is banned and what to use instead.
 */
import { existsSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { kinds, virtualKinds } from '../src/api/kinds.ts'
import { readSourceFiles } from './support/source-files.ts'

const sources = readSourceFiles('src')
const tests = readSourceFiles('test')
const FILE_LINES_MAX = 450
const FUNCTION_LINES_MAX = 80
const COLUMNS_MAX = 100

/** Fails with one line per violation. */
const holds = (violations: readonly string[]) => assert.is(violations.join('\n'), '')

/** `std`, `api` …, `main`, or `actors/<actor>`. */
const roomOf = (path: string): string => {
  const [, room = '', inner = ''] = path.split('/')
  if (room === 'actors' && !inner.endsWith('.ts')) return `actors/${inner}`
  return room.replace(/\.ts$/, '')
}

/** Which rooms a room may import, besides itself. Actors may also import `actors` (component.ts). */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  std: [],
  api: ['std'],
  node: ['std', 'api'],
  bus: ['std', 'api'],
  client: ['std', 'api', 'bus'],
  actors: ['std', 'api', 'bus', 'client'],
  cli: ['std', 'api', 'bus', 'client', 'node', 'actors'],
  main: ['std', 'api', 'bus', 'client', 'node', 'actors', 'cli'],
}
/** They run containers and packet filters: they know node's ports, never what is behind them. */
const SEES_NODE = new Set(['actors/kubelet', 'actors/proxy'])
/** Files that hold nothing but a port and its error; of the others only types may be known. */
const NODE_PORTS = new Set(['src/node/runtime.ts', 'src/node/volumes.ts'])

test('imports run one way', () => {
  const violations: string[] = []
  for (const { path, imports } of sources)
    for (const { target, isOwn, typeOnly } of imports) {
      if (!isOwn) continue
      const from = roomOf(path)
      const to = roomOf(target)
      if (from === to) continue
      const allowed = MAY_IMPORT[from.replace(/\/.*/, '')] ?? []
      const isBelow = allowed.includes(to.replace(/\/.*/, ''))
      const isShared = from.startsWith('actors/') && to === 'actors'
      const isNodePort =
        SEES_NODE.has(from) && to === 'node' && (typeOnly || NODE_PORTS.has(target))
      if (!isBelow && !isShared && !isNodePort) violations.push(`${path} imports ${target}`)
    }
  holds(violations)
})

/** Packages with one home: pattern, rooms (or files) that may import it, whether types may go anywhere. */
const HOMES: readonly { packages: RegExp; homes: readonly string[]; typesAnywhere?: boolean }[] = [
  { packages: /^(?:@nats-io\/.*|nats|msgpackr)$/, homes: ['src/bus/'] },
  { packages: /^dockerode$/, homes: ['src/node/'] },
  { packages: /^(?:node:)?child_process$/, homes: ['src/node/', 'src/cli/'] },
  { packages: /^ws$/, homes: ['src/actors/apiserver/'] },
  { packages: /^@kubernetes\/client-node$/, homes: [], typesAnywhere: true },
  { packages: /^kubus:/, homes: ['src/api/schema.ts', 'src/api/openapi/'] },
]

test('a package has one home', () => {
  const violations: string[] = []
  for (const { path, imports } of sources)
    for (const { target, typeOnly } of imports)
      for (const { packages, homes, typesAnywhere } of HOMES) {
        if (!packages.test(target) || (typesAnywhere && typeOnly)) continue
        if (!homes.some((home) => path.startsWith(home)))
          violations.push(`${path} imports ${target}`)
      }
  holds(violations)
})

test('HTTP is served by the apiserver only', () => {
  const serving =
    /import\s+\{[^}]*\bcreateServer\b[^}]*\}\s+from\s+'(?:node:)?https?2?'|\bhttps?2?\.create\w*Server\(/
  holds(
    sources
      .filter(({ path, text }) => serving.test(text) && !path.startsWith('src/actors/apiserver/'))
      .map(({ path }) => path),
  )
})

test('no file imports itself by way of others', () => {
  const graph = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.filter(({ isOwn, typeOnly }) => isOwn && !typeOnly).map(({ target }) => target),
    ]),
  )
  const done = new Set<string>()
  const violations: string[] = []
  const visit = (path: string, trail: readonly string[]) => {
    const seen = trail.indexOf(path)
    if (seen >= 0) violations.push([...trail.slice(seen), path].join(' → '))
    if (seen >= 0 || done.has(path)) return
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  holds(violations)
})

/** It makes files that the program reads. */
const RUN_BY_THE_BUILD = 'src/api/openapi/publish.ts'

test('every file is reached from main, or stands in for one in tests', () => {
  const byPath = new Map([...sources, ...tests].map((source) => [source.path, source]))
  const reached = new Set<string>()
  const doubles = tests.filter(({ path }) => path.startsWith('test/support/'))
  const pending = ['src/main.ts', RUN_BY_THE_BUILD, ...doubles.map(({ path }) => path)]
  for (let path = pending.pop(); path; path = pending.pop()) {
    if (reached.has(path)) continue
    reached.add(path)
    for (const { target, isOwn } of byPath.get(path)?.imports ?? []) if (isOwn) pending.push(target)
  }
  holds(
    sources.map(({ path }) => path).filter((path) => !reached.has(path) && !path.endsWith('.d.ts')),
  )
})

/** Derived tables, which no rule about source reads. */
const isData = (path: string): boolean => path.endsWith('.json') && existsSync(path)

test('every import of our own names a file', () => {
  const paths = new Set([...sources, ...tests].map(({ path }) => path))
  holds(
    sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ target, isOwn }) => isOwn && !paths.has(target) && !isData(target))
        .map(({ target }) => `${path} imports ${target}`),
    ),
  )
})

test('every file opens with what it is', () => {
  holds(sources.filter(({ text }) => !text.startsWith('/**\n')).map(({ path }) => path))
})

test(`files have at most ${FILE_LINES_MAX} lines`, () => {
  holds(
    sources
      .filter(({ lines }) => lines.length - 1 > FILE_LINES_MAX)
      .map(({ path, lines }) => `${path}: ${lines.length - 1}`),
  )
})

test(`functions have at most ${FUNCTION_LINES_MAX} lines of code`, () => {
  holds(
    sources.flatMap(({ path, functions }) =>
      functions
        .filter(({ codeLines }) => codeLines > FUNCTION_LINES_MAX)
        .map(({ line, codeLines }) => `${path}:${line}: ${codeLines}`),
    ),
  )
})

test(`lines have at most ${COLUMNS_MAX} columns, but for strings and prose`, () => {
  holds(
    sources.flatMap(({ path, lines, code }) => {
      const codeLines = code.split('\n')
      return lines
        .map((line, index) => ({ line, where: `${path}:${index + 1}`, code: codeLines[index] }))
        .filter(({ line, code }) => line.length > COLUMNS_MAX && line === code)
        .map(({ where }) => where)
    }),
  )
})

interface Ban {
  banned: RegExp
  instead: string
  homes: readonly string[]
}

const CLOCK = ['src/std/clock.ts']
const BANS: readonly Ban[] = [
  { banned: /\bDate\.now\b/, instead: 'Clock.now()', homes: CLOCK },
  { banned: /\bnew Date\(\s*\)/, instead: 'Clock.now()', homes: CLOCK },
  {
    banned: /\bperformance\.now\b/,
    instead: 'Clock.monotonic()',
    homes: [...CLOCK, 'src/node/', 'src/cli/'],
  },
  { banned: /(?<![.\w])set(?:Timeout|Interval)\(/, instead: 'Clock.after()', homes: CLOCK },
  { banned: /\bMath\.random\b/, instead: 'std/ids.ts', homes: ['src/std/ids.ts'] },
  { banned: /\brandomUUID\b/, instead: 'std/ids.ts', homes: ['src/std/ids.ts'] },
  { banned: /(?<![.\w])console\./, instead: 'std/log.ts', homes: ['src/cli/', 'src/main.ts'] },
  {
    banned: /\bprocess\.env\b/,
    instead: 'a parameter',
    homes: ['src/std/log.ts', 'src/node/', 'src/cli/', 'src/main.ts'],
  },
  {
    banned: /(?<=[:<(,|&]\s*|\bas )any\b(?!\s*[:(])/,
    instead: 'unknown or the type',
    homes: ['src/api/kind.ts'],
  },
  { banned: /\bdebugger\b/, instead: 'nothing', homes: [] },
]

test('what is banned is used at home only', () => {
  const violations: string[] = []
  for (const { path, code } of sources)
    for (const { banned, instead, homes } of BANS) {
      if (homes.some((home) => path.startsWith(home))) continue
      for (const [index, line] of code.split('\n').entries())
        if (banned.test(line)) violations.push(`${path}:${index + 1}: use ${instead}`)
    }
  holds(violations)
})

test('nothing is left to do, and no file is a drawer', () => {
  const mark = /\b(?:TODO|FIXME|XXX|HACK)\b/
  const drawer = /\/(?:utils?|helpers?|common|misc|types|index)\.ts$/
  holds(
    sources
      .filter(({ path, text }) => mark.test(text) || drawer.test(path))
      .map(({ path }) => path),
  )
})

test('every test file runs its tests', () => {
  holds(
    tests
      .filter(
        ({ path, text }) =>
          path.endsWith('.test.ts') &&
          !/^\w+\.run\(\)\s*$/m.test(text.trimEnd().split('\n').at(-1) ?? ''),
      )
      .map(({ path }) => path),
  )
})

test('every kind that is defined is in the list of kinds', () => {
  const all = [...kinds, ...virtualKinds]
  const listed = new Set(all.map(({ kind }) => kind))
  const violations = sources
    .filter(({ path }) => path.startsWith('src/api/') && path !== 'src/api/kind.ts')
    .flatMap(({ path, text }) =>
      [...text.matchAll(/export const (\w+) = defineKind\b/g)]
        .filter(([, name = '']) => !listed.has(name))
        .map(([, name]) => `${path}: ${name}`),
    )
  holds(violations)
  assert.is(new Set(all.map(({ apiVersion, kind }) => `${apiVersion}/${kind}`)).size, all.length)
})

test.run()
