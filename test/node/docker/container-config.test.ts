import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  containerConfig,
  cpuShares,
  type Grants,
  resourceConfig,
  sandboxConfig,
} from '../../../src/node/docker/container-config.ts'
import { containerSpec, podIdentity, sandboxSpec } from '../../support/runtime-specs.ts'

const pod = podIdentity('n1', 'c1')
const everything: Grants = { negativeOomScore: true, privileged: true, capabilities: [] }
const facts = { hostPID: false, hostIPC: false, mounts: [] }
const config = (changes: Parameters<typeof containerSpec>[3], grants = everything) =>
  containerConfig(containerSpec(pod, 'sb', 'app:1', changes), facts, grants)

test('CPU requests become shares, limits a quota, memory limits allow no swap', () => {
  assert.equal([1, 100, 1000, 2500].map(cpuShares), [2, 102, 1024, 2560])
  assert.equal(resourceConfig({}), { CpuShares: 2 })
  assert.equal(resourceConfig({ cpuLimitMillis: 5, memoryLimitBytes: 100 }), {
    CpuShares: 5,
    CpuPeriod: 100_000,
    CpuQuota: 1000,
    Memory: 100,
    MemorySwap: 100,
  })
})

test('command and args replace entrypoint and command, each only when given', () => {
  const both = config({ command: ['a'], args: ['b'] })
  assert.equal([both.Entrypoint, both.Cmd], [['a'], ['b']])
  const args = config({ args: ['b'] })
  assert.equal([args.Entrypoint, args.Cmd], [undefined, ['b']])
})

test('without a seccomp profile a container is unconfined, as in Kubernetes', () => {
  assert.equal(config({}).HostConfig?.SecurityOpt, ['seccomp=unconfined'])
  assert.equal(config({ seccompProfile: 'runtime/default' }).HostConfig?.SecurityOpt, [])
  assert.equal(config({ allowPrivilegeEscalation: false }).HostConfig?.SecurityOpt, [
    'no-new-privileges',
    'seccomp=unconfined',
  ])
})

test('what the host refuses is not asked for', () => {
  const grants = { negativeOomScore: false, privileged: false, capabilities: ['NET_ADMIN'] }
  const asked = config({ privileged: true, oomScoreAdj: -997 })
  assert.is(asked.HostConfig?.Privileged, true)
  assert.is(asked.HostConfig?.OomScoreAdj, -997)
  const refused = config({ privileged: true, oomScoreAdj: -997 }, grants)
  assert.is(refused.HostConfig?.Privileged, false)
  assert.is(refused.HostConfig?.OomScoreAdj, undefined)
  assert.equal(refused.HostConfig?.CapAdd, ['NET_ADMIN'])
  assert.is(config({ oomScoreAdj: 1000 }, grants).HostConfig?.OomScoreAdj, 1000)
})

test('a file the kubelet mounts takes the place of the sandbox’s', () => {
  const mount = { hostPath: '/run/hosts', containerPath: '/etc/hosts', readOnly: false }
  const own = { hostPath: '/pods/etc-hosts', containerPath: '/etc/hosts', readOnly: true }
  const made = containerConfig(
    containerSpec(pod, 'sb', 'app:1', { mounts: [own] }),
    { ...facts, mounts: [mount] },
    everything,
  )
  assert.equal(
    made.HostConfig?.Mounts?.map(({ Source, ReadOnly }) => [Source, ReadOnly]),
    [['/pods/etc-hosts', true]],
  )
})

test('a sandbox has a bare network namespace, or the host’s', () => {
  const bare = sandboxConfig(sandboxSpec(pod), 'pause', '10.0.0.2', everything)
  assert.is(bare.NetworkDisabled, true)
  assert.is(bare.Hostname, 'web')
  assert.is(bare.HostConfig?.OomScoreAdj, -998)
  assert.is(bare.name, `k8s_POD_web_default_${pod.uid}_0`)
  assert.is(bare.Labels?.['io.kubus.ip'], '10.0.0.2')
  const spec = sandboxSpec(pod, { hostNetwork: true, hostIPC: true, hostPID: true })
  const host = sandboxConfig(spec, 'pause', undefined, everything)
  assert.is(host.NetworkDisabled, undefined)
  assert.equal(
    [host.HostConfig?.NetworkMode, host.HostConfig?.IpcMode, host.HostConfig?.PidMode],
    ['host', 'host', 'host'],
  )
  assert.is(host.Labels?.['io.kubus.host'], 'network,pid,ipc')
})

test.run()
