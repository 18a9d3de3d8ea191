/**
 * The checks of the Pod Security Standards, their wording and their versions, after the cases of
 * `pod-security-admission/policy`.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  evaluatePod,
  violationsText,
} from '../../../../src/api/policy/pod-security/evaluate-pod.ts'
import type { PodSpec } from '../../../../src/api/policy/pod-security/security-check.ts'
import type {
  SecurityLevel,
  SecurityVersion,
} from '../../../../src/api/policy/pod-security/security-policy.ts'

const faults = (
  level: SecurityLevel,
  spec: object,
  version: SecurityVersion = 'latest',
  annotations: Record<string, string> = {},
): string =>
  violationsText(
    evaluatePod({ level, version }, { containers: [], ...spec } as PodSpec, annotations),
  )

const container = (name: string, securityContext?: object, more: object = {}) => ({
  name,
  ...(securityContext ? { securityContext } : {}),
  ...more,
})
const of = (...securityContexts: object[]) => ({
  containers: securityContexts.map((context, index) => container('abc'[index]!, context)),
})

/** What the level `restricted` asks of every container. */
const HARDENED = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

type Case = [spec: object, expected: string, version?: number, annotations?: Record<string, string>]

const BASELINE: Case[] = [
  [{ hostNetwork: true, hostIPC: true }, 'host namespaces (hostNetwork=true, hostIPC=true)'],
  [{ hostPID: true }, 'host namespaces (hostPID=true)'],
  [
    of({ privileged: true }, { privileged: false }, { privileged: true }),
    'privileged (containers "a", "c" must not set securityContext.privileged=true)',
  ],
  [
    of({ capabilities: { add: ['FOO', 'BAR', 'CHOWN'] } }, { capabilities: { add: ['BAR'] } }),
    'non-default capabilities (containers "a", "b" must not include "BAR", "FOO" in securityContext.capabilities.add)',
  ],
  [
    {
      volumes: [
        { name: 'x', hostPath: {} },
        { name: 'y', emptyDir: {} },
        { name: 'z', hostPath: {} },
      ],
    },
    'hostPath volumes (volumes "x", "z")',
  ],
  [
    {
      containers: [
        container('a', undefined, { ports: [{ hostPort: 80 }, { hostPort: 0 }] }),
        container('b', undefined, { ports: [{ containerPort: 1 }] }),
      ],
    },
    'hostPort (container "a" uses hostPort 80)',
  ],
  [
    {
      initContainers: [container('b', undefined, { ports: [{ hostPort: 20 }, { hostPort: 8 }] })],
      containers: [container('a', undefined, { ports: [{ hostPort: 20 }] })],
    },
    'hostPort (containers "b", "a" use hostPorts 20, 8)',
  ],
  [
    {
      containers: [
        container('b', undefined, { livenessProbe: { httpGet: { host: 'x' } } }),
        container('a', undefined, { lifecycle: { preStop: { tcpSocket: { host: 'y' } } } }),
      ],
    },
    'probe or lifecycle host (containers "a", "b" use probe or lifecycle hosts "x", "y")',
  ],
  [
    { containers: [container('b', undefined, { livenessProbe: { httpGet: { host: 'x' } } })] },
    '',
    33,
  ],
  [
    of({ procMount: 'Unmasked' }, { procMount: 'Default' }),
    'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
  ],
  [{ ...of({ procMount: 'Unmasked' }), hostUsers: false }, ''],
  [
    { ...of({ procMount: 'Unmasked' }), hostUsers: false },
    'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    34,
  ],
  [
    { securityContext: { sysctls: [{ name: 'b' }, { name: 'net.ipv4.tcp_rmem' }, { name: 'a' }] } },
    'forbidden sysctls (b, a)',
  ],
  [
    { securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem' }] } },
    'forbidden sysctls (net.ipv4.tcp_rmem)',
    31,
  ],
  [
    { securityContext: { sysctls: [{ name: 'net.ipv4.ip_local_reserved_ports' }] } },
    'forbidden sysctls (net.ipv4.ip_local_reserved_ports)',
    26,
  ],
  [
    {
      securityContext: { windowsOptions: { hostProcess: true } },
      ...of({ windowsOptions: { hostProcess: true } }),
    },
    'hostProcess (pod and container "a" must not set securityContext.windowsOptions.hostProcess=true)',
  ],
  [
    {
      securityContext: { seLinuxOptions: { type: 'bar', user: 'u' } },
      ...of({ seLinuxOptions: { type: 'foo' } }, { seLinuxOptions: { role: 'r' } }),
    },
    'seLinuxOptions (pod and containers "a", "b" set forbidden securityContext.seLinuxOptions: types "bar", "foo"; user may not be set; role may not be set)',
  ],
  [of({ seLinuxOptions: { type: 'container_engine_t' } }), ''],
  [
    of({ seLinuxOptions: { type: 'container_engine_t' } }),
    'seLinuxOptions (container "a" set forbidden securityContext.seLinuxOptions: type "container_engine_t")',
    30,
  ],
  [
    { securityContext: { seccompProfile: { type: 'Unconfined' } } },
    'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
  ],
  [
    of({}),
    'seccompProfile (forbidden annotations container.seccomp.security.alpha.kubernetes.io/a="unconfined", seccomp.security.alpha.kubernetes.io/pod="bad")',
    18,
    {
      'seccomp.security.alpha.kubernetes.io/pod': 'bad',
      'container.seccomp.security.alpha.kubernetes.io/a': 'unconfined',
      'container.seccomp.security.alpha.kubernetes.io/b': 'unconfined',
    },
  ],
  [
    { securityContext: { appArmorProfile: { type: 'Unconfined' } }, ...of({}) },
    'forbidden AppArmor profiles (pod and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/a="bogus"")',
    36,
    {
      'container.apparmor.security.beta.kubernetes.io/a': 'bogus',
      'container.apparmor.security.beta.kubernetes.io/b': 'runtime/default',
    },
  ],
  [of({ runAsUser: 0, allowPrivilegeEscalation: true }), ''],
]

test('the baseline refuses what raises a pod’s rights', () => {
  for (const [spec, expected, version, annotations] of BASELINE)
    assert.is(faults('baseline', spec, version, annotations), expected)
})

const RESTRICTED: Case[] = [
  [of(HARDENED), ''],
  [
    of({ ...HARDENED, allowPrivilegeEscalation: true }),
    'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false)',
  ],
  [
    of(
      { ...HARDENED, capabilities: { drop: ['CHOWN'], add: ['NET_BIND_SERVICE', 'X'] } },
      HARDENED,
    ),
    'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]; container "a" must not include "X" in securityContext.capabilities.add)',
  ],
  [of({ ...HARDENED, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }), ''],
  [
    {
      ...of(HARDENED),
      volumes: [{ name: 'x', hostPath: {} }, { name: 'y', nfs: {} }, { name: 'z' }],
    },
    'restricted volume types (volumes "x", "y", "z" use restricted volume types "hostPath", "nfs", "unknown")',
  ],
  [
    {
      ...of(HARDENED),
      volumes: [
        { name: 'x', secret: {} },
        { name: 'y', image: {} },
      ],
    },
    '',
  ],
  [
    of({ ...HARDENED, runAsNonRoot: false }),
    'runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false)',
  ],
  [
    { securityContext: { runAsNonRoot: false }, ...of(HARDENED) },
    'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)',
  ],
  [
    of({ ...HARDENED, runAsNonRoot: undefined }, HARDENED),
    'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)',
  ],
  [
    { securityContext: { runAsNonRoot: true }, ...of({ ...HARDENED, runAsNonRoot: undefined }) },
    '',
  ],
  [{ hostUsers: false, ...of({ ...HARDENED, runAsNonRoot: false, runAsUser: 0 }) }, ''],
  [
    { hostUsers: false, ...of({ ...HARDENED, procMount: 'Unmasked' }) },
    'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
  ],
  [
    { securityContext: { runAsUser: 0 }, ...of({ ...HARDENED, runAsUser: 0 }) },
    'runAsUser=0 (pod and container "a" must not set runAsUser=0)',
  ],
  [of({ ...HARDENED, runAsUser: 0 }), '', 22],
  [
    of({ ...HARDENED, seccompProfile: undefined }),
    'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  ],
  [
    of({ ...HARDENED, seccompProfile: { type: 'Unconfined' } }),
    'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
  ],
  [of({ ...HARDENED, seccompProfile: undefined }), '', 18],
  [{ os: { name: 'windows' }, ...of({ runAsNonRoot: true }) }, ''],
  [
    {
      os: { name: 'windows' },
      ...of({ runAsNonRoot: true, seccompProfile: { type: 'Localhost' } }),
    },
    'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"])',
    24,
  ],
  [
    of({ ...HARDENED, allowPrivilegeEscalation: undefined, capabilities: { add: ['X'] } }),
    'non-default capabilities (container "a" must not include "X" in securityContext.capabilities.add)',
    7,
  ],
]

test('the restricted level asks for more, and takes the place of some of the baseline', () => {
  for (const [spec, expected, version, annotations] of RESTRICTED)
    assert.is(faults('restricted', spec, version, annotations), expected)
})

test('violations come in the order of Kubernetes, the baseline’s first', () => {
  const spec = {
    hostNetwork: true,
    containers: [container('a', { privileged: true, seLinuxOptions: { user: 'u' } })],
  }
  const reasons = evaluatePod(
    { level: 'restricted', version: 'latest' },
    spec as PodSpec,
    undefined,
  ).map(({ reason }) => reason)
  assert.equal(reasons, [
    'host namespaces',
    'privileged',
    'seLinuxOptions',
    'allowPrivilegeEscalation != false',
    'unrestricted capabilities',
    'runAsNonRoot != true',
    'seccompProfile',
  ])
})

test('containers of every sort are looked at, and versions to come are as the newest', () => {
  const bad = (name: string) => container(name, { privileged: true })
  const spec = {
    initContainers: [bad('i')],
    containers: [bad('c')],
    ephemeralContainers: [bad('e')],
  }
  const expected =
    'privileged (containers "i", "c", "e" must not set securityContext.privileged=true)'
  assert.is(faults('baseline', spec), expected)
  assert.is(faults('baseline', spec, 99), expected)
  assert.is(faults('privileged', spec), '')
})

test.run()
