import type { ContainerInspectInfo } from 'dockerode'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { containerFrom, normalReference } from '../../../src/node/docker/inspection.ts'
import { LABEL } from '../../../src/node/docker/labels.ts'

const inspected = (
  state: Partial<ContainerInspectInfo['State']>,
  limits = { cpu: true, memory: true },
) => {
  const info = {
    Id: 'c1',
    Image: 'sha256:1',
    Created: '2026-01-01T00:00:00.5Z',
    Config: {
      Image: 'app:1',
      Labels: { [LABEL.container]: 'app', [LABEL.attempt]: '2', tier: 'x', 'annotation.a': 'b' },
    },
    State: {
      Status: 'exited',
      Running: false,
      ExitCode: 0,
      Error: '',
      StartedAt: '0001-01-01T00:00:00Z',
      FinishedAt: '0001-01-01T00:00:00Z',
      ...state,
    },
    HostConfig: { CpuShares: 204, CpuQuota: 50_000, CpuPeriod: 100_000, Memory: 1024 },
  } as unknown as ContainerInspectInfo
  return containerFrom(info, limits)
}

test('resources are read back in Kubernetes’ units, where the host can limit them', () => {
  assert.equal(inspected({}).resources, {
    cpuRequestMillis: 200,
    cpuLimitMillis: 500,
    memoryLimitBytes: 1024,
  })
  assert.equal(inspected({}, { cpu: false, memory: false }).resources, {})
})

test('a container that could not start has exited with the engine’s reason', () => {
  const failed = inspected({ Status: 'created', ExitCode: 127, Error: 'not found' })
  assert.equal([failed.state, failed.exitCode, failed.error], ['exited', 127, 'not found'])
  assert.is(failed.startedAtMs, undefined)
  assert.is(failed.finishedAtMs, Date.UTC(2026, 0, 1, 0, 0, 0, 500))
})

test('a new container has neither started nor ended', () => {
  const created = inspected({ Status: 'created' })
  assert.is(created.state, 'created')
  assert.equal([created.exitCode, created.finishedAtMs], [undefined, undefined])
  assert.equal(
    [created.attempt, created.labels, created.annotations],
    [2, { tier: 'x' }, { a: 'b' }],
  )
})

test('an end is never before its start', () => {
  const quick = inspected({
    StartedAt: '2026-01-01T00:00:02.000000009Z',
    FinishedAt: '2026-01-01T00:00:01.9Z',
  })
  assert.is(quick.finishedAtMs, quick.startedAtMs)
})

test('an image without tag or digest is the latest', () => {
  assert.is(normalReference('app'), 'app:latest')
  assert.is(normalReference('host:5000/team/app'), 'host:5000/team/app:latest')
  assert.is(normalReference('app:1'), 'app:1')
  assert.is(normalReference('app@sha256:0'), 'app@sha256:0')
})

test.run()
