/**
 * What a pod may say about Windows, and what not beside it.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PodSpec } from '../../../src/api/core/pod-spec-defaults.ts'
import { faultsOf } from './pod-samples.ts'

const USER = 'spec.securityContext.windowsOptions.runAsUserName'

const cases: [string, Partial<PodSpec>, string[]][] = [
  [
    'a user of a domain',
    { securityContext: { windowsOptions: { runAsUserName: 'corp\\me' } } },
    [],
  ],
  [
    'no user',
    { securityContext: { windowsOptions: { runAsUserName: '' } } },
    [`${USER}: Invalid value: "": runAsUserName cannot be an empty string`],
  ],
  [
    'two backslashes',
    { securityContext: { windowsOptions: { runAsUserName: 'a\\b\\c' } } },
    [`${USER}: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash`],
  ],
  [
    'a user with signs',
    { securityContext: { windowsOptions: { runAsUserName: 'a*' } } },
    [
      `${USER}: Invalid value: "a*": runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`,
    ],
  ],
  [
    'a process of the host without its network',
    { securityContext: { windowsOptions: { hostProcess: true } } },
    [
      'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
    ],
  ],
  [
    'options in a pod for Linux',
    { os: { name: 'linux' }, securityContext: { windowsOptions: {} } },
    [
      'spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
    ],
  ],
  [
    'what a pod for Windows cannot have',
    {
      os: { name: 'windows' },
      hostPID: true,
      hostIPC: false,
      securityContext: { runAsUser: 1, seLinuxOptions: {} },
      containers: [{ name: 'web', image: 'web:1', securityContext: { privileged: false } }],
      resources: { requests: { cpu: '1' } },
    },
    [
      'spec.resources: Forbidden: may not be set for a windows pod',
      'spec.securityContext.seLinuxOptions: Forbidden: cannot be set for a windows pod',
      'spec.hostPID: Forbidden: cannot be set for a windows pod',
      'spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod',
      'spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod',
    ],
  ],
  ['no system', { os: { name: '' } }, ['spec.os.name: Required value']],
]

for (const [title, spec, expected] of cases)
  test(`Windows: ${title}`, () => assert.equal(faultsOf(spec), expected))

test('in a user namespace of its own a pod has no raw devices', () => {
  const faults = faultsOf({
    hostUsers: false,
    volumes: [{ name: 'disk', persistentVolumeClaim: { claimName: 'disk' } }],
    containers: [
      { name: 'web', image: 'web:1', volumeDevices: [{ name: 'disk', devicePath: '/dev/x' }] },
    ],
  })
  assert.equal(faults, ['spec.containers[0].volumeDevices: Forbidden: when `hostUsers` is false'])
})

test.run()
