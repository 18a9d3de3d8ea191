/**
 * kubectl as tests use it: commands that keep printing, manifests from objects, tables back to rows.
 *
 * Invariant: whatever was followed is ended by `stop`, also when it has ended by itself.
 */
import { spawn } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, type TestCluster } from '../../support/cluster.ts'

export interface Followed {
  /** All it printed so far, on stdout and stderr. */
  readonly output: string
  /** Resolves with the output once it matches. */
  until(pattern: RegExp, timeoutMs?: number): Promise<string>
  type(text: string): void
  /** The exit code, once it has ended. */
  ended: Promise<number>
  stop(): Promise<void>
}

/** How much of what was printed a failure shows. */
const PRINTED_MAX = 2_000

/** Starts a command and gathers what it prints; its stdin stays open. */
export const followCommand = (
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Followed => {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      output += data
    })
  child.stdin.on('error', () => {})
  const ended = new Promise<number>((done) => {
    child.once('error', () => done(127))
    child.once('close', (code) => done(code ?? 1))
  })
  return {
    get output() {
      return output
    },
    until: async (pattern, timeoutMs = 20_000) => {
      await eventually(
        () => pattern.test(output),
        `${args.join(' ')}: ${pattern}`,
        timeoutMs,
      ).catch((error: Error) => {
        throw new Error(`${error.message}; it printed:\n${output.slice(-PRINTED_MAX)}`)
      })
      return output
    },
    type: (text) => child.stdin.write(text),
    ended,
    stop: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** kubectl with a command that goes on: `get -w`, `logs -f`, an interactive `exec`. */
export const follow = (cluster: TestCluster, args: readonly string[]): Followed =>
  followCommand(cluster.kubectlPath, args, cluster.environment)

/** kubectl on a terminal of its own, as a person has it. */
export const followOnTerminal = (cluster: TestCluster, args: readonly string[]): Followed => {
  const quoted = [cluster.kubectlPath, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`)
  return followCommand('script', ['-qefc', quoted.join(' '), '/dev/null'], cluster.environment)
}

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; [field: string]: unknown }
  [field: string]: unknown
}

/** What `kubectl -f -` reads: JSON documents one after the other. */
export const manifest = (...objects: readonly Manifest[]): string =>
  objects.map((object) => JSON.stringify(object)).join('\n')

/** A table's rows by its headings, which kubectl parts with at least two spaces. */
export const rows = (table: string): Record<string, string>[] => {
  const [head = '', ...lines] = table.trimEnd().split('\n')
  const starts = [...head.matchAll(/\S+(?: \S+)*/g)].map(({ 0: name, index }) => ({ name, index }))
  return lines.map((line) =>
    Object.fromEntries(
      starts.map(({ name, index }, at) => [name, line.slice(index, starts[at + 1]?.index).trim()]),
    ),
  )
}

/** What `kubectl delete` says; newer ones add from which namespace. */
export const deleted = (...names: string[]): RegExp =>
  new RegExp(`^${names.map((name) => `${name} deleted( from \\S+ namespace)?\n`).join('')}$`)

/** An editor for `kubectl edit`: a script that changes the file it is given with sed. */
export const editorScript = (folder: string, sedExpression: string): string => {
  const file = join(folder, 'editor.sh')
  writeFileSync(file, `#!/bin/sh\nexec sed -i '${sedExpression}' "$1"\n`)
  chmodSync(file, 0o755)
  return file
}

/** A Deployment of one container; `change` is laid over its spec. */
export const deployment = (
  name: string,
  { image = 'example/app:1', replicas = 1, ...change }: Record<string, unknown> = {},
): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'app', image }] },
    },
    ...change,
  },
})
