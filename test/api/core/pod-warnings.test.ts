/**
 * What users are warned of in pods and templates: paths, order and words are Kubernetes'.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PodSpec } from '../../../src/api/core/pod-spec-defaults.ts'
import {
  podTemplateWarnings,
  podWarnings,
  workloadWarnings,
} from '../../../src/api/core/pod-warnings.ts'

const web = { name: 'web', image: 'web:1' }

const warningsOf = (spec: object, annotations?: Record<string, string>, name = 'web'): string[] =>
  podWarnings({
    metadata: { name, ...(annotations ? { annotations } : {}) },
    spec: { containers: [web], ...spec } as PodSpec,
  })

test('a plain pod is nothing to warn of', () => assert.equal(warningsOf({}), []))

test('the name of a pod should be a label', () => {
  assert.equal(warningsOf({}, undefined, 'web.a'), [
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
  ])
})

const CASES: [name: string, spec: object, expected: string[]][] = [
  [
    'a variable that hides another one is told, one that adds to it is not',
    {
      containers: [
        {
          ...web,
          env: [
            { name: 'PATH', value: '/bin' },
            { name: 'PATH', value: '$(PATH):/sbin' },
            { name: 'PATH', value: '/opt' },
          ],
        },
      ],
    },
    [
      'spec.containers[0].env[2]: hides previous definition of "PATH", which may be dropped when using apply',
    ],
  ],
  [
    'labels of nodes that were renamed',
    {
      nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 1,
              preference: {
                matchExpressions: [
                  { key: 'beta.kubernetes.io/arch', operator: 'In', values: ['-arm'] },
                ],
              },
            },
          ],
        },
      },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'failure-domain.beta.kubernetes.io/zone',
          whenUnsatisfiable: 'DoNotSchedule',
        },
      ],
    },
    [
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead',
      "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values[0]: -arm is invalid, a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      'spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
      'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
    ],
  ],
  [
    'amounts of bytes are whole',
    {
      overhead: { memory: '100m', cpu: '100m' },
      containers: [{ ...web, resources: { limits: { memory: '1500m', cpu: '1500m' } } }],
    },
    [
      'spec.overhead[memory]: fractional byte value "100m" is invalid, must be an integer',
      'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
    ],
  ],
  [
    'ports that clash and names that stand for two ports',
    {
      containers: [
        {
          ...web,
          ports: [{ containerPort: 80, protocol: 'TCP', name: 'http', hostIP: '10.0.0.1' }],
        },
        { ...web, name: 'two', ports: [{ containerPort: 80, protocol: 'TCP', name: 'http' }] },
      ],
    },
    [
      'spec.containers[0].ports[0]: hostIP set without hostPort: {Name:http HostPort:0 ContainerPort:80 Protocol:TCP HostIP:10.0.0.1}',
      'spec.containers[1].ports[0]: overlapping port definition with spec.containers[0].ports[0]',
      'spec.containers[1].ports[0]: duplicate port name "http" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]',
    ],
  ],
  [
    'entries that are there twice, and secrets without a name',
    {
      hostAliases: [{ ip: '10.0.0.1' }, { ip: '10.0.0.1' }],
      imagePullSecrets: [{ name: 'a' }, { name: 'a' }, { name: '' }],
      terminationGracePeriodSeconds: -1,
      dnsConfig: { nameservers: ['2001:DB8::1'] },
    },
    [
      'spec.hostAliases[1].ip: duplicate ip "10.0.0.1"',
      'spec.imagePullSecrets[1].name: duplicate name "a"',
      'spec.imagePullSecrets[2].name: invalid empty name ""',
      'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
      'spec.dnsConfig.nameservers[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
    ],
  ],
  [
    'volumes whose files overwrite each other, and sources that are gone',
    {
      volumes: [
        { name: 'old', gitRepo: { repository: 'r' } },
        {
          name: 'all',
          projected: {
            sources: [
              { configMap: { name: 'c', items: [{ key: 'k', path: 'a/b' }] } },
              { secret: { name: 's', items: [{ key: 'k', path: 'a/b/c' }] } },
            ],
          },
        },
      ],
    },
    [
      'spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+',
      'volume "all" (Projected): overlapping paths: "a/b/c" (Secret "s") with "a/b" (ConfigMap "c")',
    ],
  ],
  [
    'affinity to pods that matches none',
    {
      affinity: {
        podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'z' }] },
      },
    },
    [
      'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod',
    ],
  ],
]

for (const [name, spec, expected] of CASES)
  test(name, () => assert.equal(warningsOf(spec), expected))

test('annotations that fields have replaced', () => {
  const annotations = {
    'scheduler.alpha.kubernetes.io/critical-pod': '',
    'seccomp.security.alpha.kubernetes.io/pod': 'runtime/default',
    'container.apparmor.security.beta.kubernetes.io/web': 'runtime/default',
  }
  const expected = [
    'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
    'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead',
  ]
  assert.equal(warningsOf({}, annotations), expected, 'fields of a pod follow its annotations')
  const spec = { containers: [web] } as PodSpec
  const template = { metadata: { annotations }, spec }
  assert.equal(podTemplateWarnings('spec.template', template as never), [
    ...expected.map((text) => `spec.template.${text}`),
    'spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/web]: deprecated since v1.30; use the "appArmorProfile" field instead',
  ])
})

test('a workload is looked at when it comes and when its spec changes', () => {
  const spec = {
    template: { metadata: {}, spec: { containers: [web], nodeSelector: {} as object } as PodSpec },
  }
  spec.template.spec.nodeSelector = { 'app.kubernetes.io/created-by': 'x' }
  const of = (name: string, generation: number) => ({ metadata: { name, generation }, spec })
  const label =
    'spec.template.spec.nodeSelector[app.kubernetes.io/created-by]: deprecated since v1.9'
  assert.equal(workloadWarnings(of('web', 1)), [label])
  assert.equal(workloadWarnings(of('web.a', 1)), [
    'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]',
    label,
  ])
  assert.equal(workloadWarnings(of('web.a', 1), of('web.a', 1)), [])
  assert.equal(workloadWarnings(of('web.a', 2), of('web.a', 1)), [label])
})

test.run()
