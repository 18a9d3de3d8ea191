/**
 * Kubernetes' own Go client against a whole cluster with simulated containers, in JSON and in protobuf.
 *
 * The cases are Go tests in `client-go/`; each becomes a test here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { findProgram } from '../../src/node/command.ts'
import { run, startCluster, type TestCluster } from '../support/cluster.ts'

const FOLDER = resolve('test/clients/client-go')
/** With what it compiles on the first run. */
const LIMIT_MS = 7 * 60_000

const test = suite('client-go')

let cluster: TestCluster
let output = ''

test.before(async () => {
  if (!findProgram('go'))
    throw new Error('Go 1.21 or newer is needed for these tests: https://go.dev/dl/')
  cluster = await startCluster(['--runtime', 'hollow', '--nodes', '3'])
  const { stdout, stderr } = await run('go', ['-C', FOLDER, 'test', '-v', '-count=1', './...'], {
    env: { ...cluster.environment, GOFLAGS: '-buildvcs=false' },
    timeoutMs: LIMIT_MS,
  })
  output = stdout + stderr
})

test.after(() => cluster?.stop())

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('_test.go')))
  for (const [, name] of readFileSync(join(FOLDER, file), 'utf8').matchAll(/^func (Test\w+)\(/gm))
    test(name!, () => assert.match(output, new RegExp(`^--- PASS: ${name} `, 'm'), output))

test.run()
