import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Pod } from '../../../src/api/core/pod.ts'
import type { Container, PodSpec } from '../../../src/api/core/pod-spec-defaults.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { createPod, faultsOf, faultsOfChange, shown } from './pod-samples.ts'

const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

const C = 'spec.containers[0]'
const web = (fields: Partial<Container> = {}): Container => ({
  name: 'web',
  image: 'web:1',
  ...fields,
})
const one = (fields: Partial<Container>): Partial<PodSpec> => ({ containers: [web(fields)] })
const probe = { httpGet: { port: 80 } }

const table = (title: string, cases: [Partial<PodSpec>, string[]][]) => {
  for (const [index, [spec, expected]] of cases.entries()) {
    test(`${title}: ${expected[0] ?? `valid case ${index}`}`, () => {
      assert.equal(faultsOf(deepCopy(spec)), expected)
    })
  }
}

table('containers', [
  [{ containers: [] }, ['spec.containers: Required value']],
  [one({ name: '' }), [`${C}.name: Required value`]],
  [one({ name: 'Web' }), [`${C}.name: Invalid value: "Web": ${LABEL}`]],
  [one({ name: 'a.b' }), [`${C}.name: Invalid value: "a.b": must not contain dots`]],
  [{ containers: [web(), web()] }, ['spec.containers[1].name: Duplicate value: "web"']],
  [one({ image: '' }), [`${C}.image: Required value`]],
  [
    one({ image: ' web' }),
    [`${C}.image: Invalid value: " web": must not have leading or trailing whitespace`],
  ],
  [
    one({ imagePullPolicy: 'Sometimes' }),
    [
      `${C}.imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"`,
    ],
  ],
  [
    one({ terminationMessagePolicy: 'Log' }),
    [
      `${C}.terminationMessagePolicy: Unsupported value: "Log": supported values: "File", "FallbackToLogsOnError"`,
    ],
  ],
  [{ initContainers: [web()] }, ['spec.initContainers[0].name: Duplicate value: "web"']],
  [
    { initContainers: [{ ...web({ name: 'init' }), readinessProbe: probe }] },
    [
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ],
  [
    {
      initContainers: [
        { ...web({ name: 'side' }), restartPolicy: 'Always', readinessProbe: probe },
      ],
    },
    [],
  ],
  [
    one({ restartPolicy: 'Maybe' }),
    [
      `${C}.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "Never", "OnFailure"`,
    ],
  ],
  [
    { ephemeralContainers: [{ name: 'debug', image: 'debug:1' }] },
    ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
  ],
])

table('ports', [
  [one({ ports: [{ containerPort: 0 }] }), [`${C}.ports[0].containerPort: Required value`]],
  [
    one({ ports: [{ containerPort: 70000, hostPort: -1 }] }),
    [
      `${C}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`,
      `${C}.ports[0].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive`,
    ],
  ],
  [
    one({ ports: [{ containerPort: 80, protocol: 'HTTP' }] }),
    [`${C}.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"`],
  ],
  [
    one({
      ports: [
        { containerPort: 80, name: 'a' },
        { containerPort: 81, name: 'a' },
      ],
    }),
    [`${C}.ports[1].name: Duplicate value: "a"`],
  ],
  [
    one({ ports: [{ containerPort: 80, name: '80' }] }),
    [`${C}.ports[0].name: Invalid value: "80": must contain at least one letter (a-z)`],
  ],
  [
    one({
      ports: [
        { containerPort: 80, hostPort: 80 },
        { containerPort: 81, hostPort: 80 },
      ],
    }),
    [`${C}.ports[1].hostPort: Duplicate value: "TCP//80"`],
  ],
  [
    { hostNetwork: true, ...one({ ports: [{ containerPort: 80, hostPort: 81 }] }) },
    [
      `${C}.ports[0].hostPort: Invalid value: 81: must match \`containerPort\` when \`hostNetwork\` is true`,
    ],
  ],
])

table('environment', [
  [one({ env: [{ name: '' }] }), [`${C}.env[0].name: Required value`]],
  [
    one({ env: [{ name: 'A', valueFrom: {} }] }),
    [
      `${C}.env[0].valueFrom: Invalid value: "": must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\`, \`secretKeyRef\` or \`fileKeyRef\``,
    ],
  ],
  [
    one({
      env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
    }),
    [`${C}.env[0].valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`],
  ],
  [
    one({
      env: [
        {
          name: 'A',
          valueFrom: {
            secretKeyRef: { name: 's', key: 'k' },
            configMapKeyRef: { name: 'c', key: 'k' },
          },
        },
      ],
    }),
    [
      `${C}.env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time`,
    ],
  ],
  [
    one({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.containers' } } }] }),
    [
      `${C}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.containers": error converting fieldPath: field label not supported: spec.containers`,
    ],
  ],
  [
    one({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.phase' } } }] }),
    [
      `${C}.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"`,
    ],
  ],
  [
    one({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }] }),
    [],
  ],
  [
    one({ env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.disk' } } }] }),
    [
      `${C}.env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.disk": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"`,
    ],
  ],
  [
    one({
      env: [
        { name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '5m' } } },
      ],
    }),
    [
      `${C}.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
    ],
  ],
  [
    one({ envFrom: [{}] }),
    [`${C}.envFrom: Invalid value: "": must specify one of: \`configMapRef\` or \`secretRef\``],
  ],
])

table('volumes and mounts', [
  [{ volumes: [{ name: 'a' }, { name: 'a' }] }, ['spec.volumes[1].name: Duplicate value: "a"']],
  [
    { volumes: [{ name: 'a', emptyDir: {}, hostPath: { path: '/x' } }] },
    ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    { volumes: [{ name: 'a', hostPath: { path: '/x/../y', type: 'Dir' } }] },
    [
      `spec.volumes[0].hostPath.path: Invalid value: "/x/../y": must not contain '..'`,
      'spec.volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ],
  ],
  [{ volumes: [{ name: 'a', secret: {} }] }, ['spec.volumes[0].secret.secretName: Required value']],
  [
    { volumes: [{ name: 'a', configMap: { name: 'c', defaultMode: 512 } }] },
    [
      'spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
    ],
  ],
  [
    { volumes: [{ name: 'a', configMap: { name: 'c', items: [{ key: 'k', path: '/abs' }] } }] },
    ['spec.volumes[0].configMap.items[0].path: Invalid value: "/abs": must be a relative path'],
  ],
  [
    { volumes: [{ name: 'a', downwardAPI: { items: [{ path: 'x' }] } }] },
    [
      'spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required',
    ],
  ],
  [
    { volumes: [{ name: 'a', emptyDir: { sizeLimit: '-1' } }] },
    [
      'spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity',
    ],
  ],
  [
    one({ volumeMounts: [{ name: 'x', mountPath: '' }] }),
    [`${C}.volumeMounts[0].name: Not found: "x"`, `${C}.volumeMounts[0].mountPath: Required value`],
  ],
  [
    {
      volumes: [{ name: 'a' }],
      ...one({
        volumeMounts: [
          { name: 'a', mountPath: '/a' },
          { name: 'a', mountPath: '/a', mountPropagation: 'Bidirectional' },
        ],
      }),
    },
    [
      `${C}.volumeMounts[1].mountPath: Invalid value: "/a": must be unique`,
      `${C}.volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers`,
    ],
  ],
])

table('resources', [
  [
    one({ resources: { limits: { cpu: '-1' } } }),
    [
      `${C}.resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0`,
      `${C}.resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0`,
    ],
  ],
  [
    one({ resources: { limits: { memory: '1Gi' }, requests: { memory: '2Gi' } } }),
    [
      `${C}.resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi`,
    ],
  ],
  [
    one({ resources: { requests: { gpus: '1' } } }),
    [
      `${C}.resources.requests[gpus]: Invalid value: "gpus": must be a standard resource type or fully qualified`,
      `${C}.resources.requests[gpus]: Invalid value: "gpus": must be a standard resource for containers`,
    ],
  ],
  [
    one({ resources: { requests: { 'example.com/gpu': '1' } } }),
    [`${C}.resources.limits: Required value: Limit must be set for non overcommitable resources`],
  ],
  [
    one({ resources: { limits: { 'example.com/gpu': '500m' } } }),
    [
      `${C}.resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer`,
      `${C}.resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer`,
    ],
  ],
])

table('probes and hooks', [
  [
    one({ readinessProbe: {} }),
    [`${C}.readinessProbe: Required value: must specify a handler type`],
  ],
  [
    one({ readinessProbe: { ...probe, tcpSocket: { port: 80 } } }),
    [`${C}.readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`],
  ],
  [
    one({ livenessProbe: { ...probe, successThreshold: 2 } }),
    [`${C}.livenessProbe.successThreshold: Invalid value: 2: must be 1`],
  ],
  [
    one({ readinessProbe: { ...probe, terminationGracePeriodSeconds: 5 } }),
    [
      `${C}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes`,
    ],
  ],
  [
    one({ readinessProbe: { ...probe, periodSeconds: -1 } }),
    [`${C}.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0`],
  ],
  [
    one({ livenessProbe: { httpGet: { port: 0, scheme: 'FTP' } } }),
    [
      `${C}.livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive`,
      `${C}.livenessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"`,
    ],
  ],
  [one({ livenessProbe: { exec: {} } }), [`${C}.livenessProbe.exec.command: Required value`]],
  [
    one({ lifecycle: { preStop: { sleep: { seconds: 60 } } } }),
    [
      `${C}.lifecycle.preStop.sleep: Invalid value: 60: must be non-negative and less than terminationGracePeriodSeconds (30)`,
    ],
  ],
])

table('the spec itself', [
  [
    { restartPolicy: 'Sometimes' },
    [
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ],
  ],
  [
    { dnsPolicy: 'Mine' },
    [
      'spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
    ],
  ],
  [
    { dnsPolicy: 'None' },
    ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
  ],
  [
    { dnsConfig: { nameservers: ['1.2.3'] } },
    [
      'spec.dnsConfig.nameservers[0]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ],
  [
    { hostAliases: [{ ip: '010.0.0.1', hostnames: ['db'] }] },
    ['spec.hostAliases[0].ip: Invalid value: "010.0.0.1": must not have leading 0s'],
  ],
  [
    { activeDeadlineSeconds: 0 },
    ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
  ],
  [{ hostname: 'A' }, [`spec.hostname: Invalid value: "A": ${LABEL}`]],
  [
    { schedulingGates: [{ name: 'a' }, { name: 'a' }] },
    ['spec.schedulingGates[1]: Duplicate value: "a"'],
  ],
  [
    { nodeName: 'n', schedulingGates: [{ name: 'a' }] },
    ['spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared'],
  ],
  [
    { preemptionPolicy: 'Maybe' },
    [
      'spec.preemptionPolicy: Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"',
    ],
  ],
  [{ terminationGracePeriodSeconds: 0 }, []],
])

table('security', [
  [
    { securityContext: { runAsUser: -1 } },
    [
      'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
  ],
  [
    { securityContext: { seccompProfile: { type: 'Localhost' } } },
    [
      'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
    ],
  ],
  [
    { hostPID: true, shareProcessNamespace: true },
    [
      'spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled',
    ],
  ],
  [
    one({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    [
      `${C}.securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set \`allowPrivilegeEscalation\` to false and \`privileged\` to true`,
    ],
  ],
  [
    {
      hostNetwork: true,
      securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] },
    },
    [
      `spec.securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be specified when 'hostNetwork' is true`,
    ],
  ],
])

const terms = (term: object): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    },
  },
})
const NODE_TERM =
  'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'

table('scheduling', [
  [
    { tolerations: [{ value: 'x' }] },
    [
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ],
  [
    { tolerations: [{ key: 'a', operator: 'Exists', value: 'x' }] },
    [
      `spec.tolerations[0].operator: Invalid value: "x": value must be empty when \`operator\` is 'Exists'`,
    ],
  ],
  [
    { tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 1 }] },
    [
      `spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when \`tolerationSeconds\` is set`,
    ],
  ],
  [
    { tolerations: [{ key: 'a', operator: 'Is', effect: 'Never' }] },
    [
      'spec.tolerations[0].operator: Unsupported value: "Is": supported values: "Equal", "Exists"',
      'spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
  ],
  [
    terms({ matchExpressions: [{ key: 'a', operator: 'In' }] }),
    [
      `${NODE_TERM}[0].matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
    ],
  ],
  [
    terms({ matchFields: [{ key: 'metadata.uid', operator: 'In', values: ['x'] }] }),
    [
      `${NODE_TERM}[0].matchFields[0].key: Invalid value: "metadata.uid": not a valid field selector key`,
    ],
  ],
  [
    {
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 101, podAffinityTerm: { topologyKey: 'zone' } },
          ],
        },
      },
    },
    [
      'spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100',
    ],
  ],
  [
    {
      topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'Never' }],
    },
    [
      'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
      'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"',
    ],
  ],
  [
    {
      topologySpreadConstraints: [1, 2].map((maxSkew) => ({
        maxSkew,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
      })),
    },
    [
      'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"',
    ],
  ],
])

table('claims of a container and what waits for a feature', [
  [
    {
      resourceClaims: [{ name: 'gpu', resourceClaimName: 'mine' }],
      ...one({
        resources: { claims: [{ name: 'gpu' }, { name: 'gpu', request: 'first' }] },
      }),
    },
    [`${C}.resources.claims[1]: Duplicate value: "gpu"`],
  ],
  [
    {
      resourceClaims: [{ name: 'gpu', resourceClaimName: 'mine' }],
      ...one({
        resources: {
          claims: [
            { name: 'gpu', request: 'first' },
            { name: 'gpu', request: 'first' },
          ],
        },
      }),
    },
    [`${C}.resources.claims[1]: Duplicate value: "gpu/first"`],
  ],
  [
    { containers: [web()], securityContext: { seLinuxChangePolicy: 'MountOption' } },
    [
      'spec.securityContext.seLinuxChangePolicy: Unsupported value: "MountOption": supported values: "Recursive"',
    ],
  ],
])

test('faults carry the reason of Kubernetes', () => {
  const pod = createPod({ restartPolicy: 'x', containers: [web({ image: '' })] })
  const reasons = Pod.validate!(pod).map(({ reason }) => reason)
  assert.equal(reasons, ['FieldValueRequired', 'FieldValueNotSupported'])
})

test('the image, the deadline and further tolerations may change', () => {
  const tolerations = [
    { key: 'b', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
  ]
  const faults = faultsOfChange({ activeDeadlineSeconds: 10, tolerations }, (pod) => {
    pod.spec!.containers[0]!.image = 'web:2'
    pod.spec!.activeDeadlineSeconds = 5
    pod.spec!.tolerations!.push({ key: 'a', operator: 'Exists' })
    pod.spec!.tolerations![0]!.tolerationSeconds = 10
  })
  assert.equal(faults, [])
})

test('other fields of a pod may not change, and the message names the difference', () => {
  const [fault] = faultsOfChange({}, (pod) => {
    pod.spec!.containers[0]!.command = ['x']
  })
  assert.ok(
    fault!.startsWith(
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n@@ ',
    ),
  )
  assert.match(fault!, /\n\+.*"x"/)
})

const changes: [string, Partial<PodSpec>, (spec: PodSpec) => void, string[]][] = [
  [
    'containers may not be added',
    {},
    (spec) => spec.containers.push(web({ name: 'two' })),
    ['spec.containers: Forbidden: pod updates may not add or remove containers'],
  ],
  [
    'a deadline may not grow',
    { activeDeadlineSeconds: 5 },
    (spec) => {
      spec.activeDeadlineSeconds = 6
    },
    ['spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value'],
  ],
  [
    'a deadline may not go',
    { activeDeadlineSeconds: 5 },
    (spec) => delete spec.activeDeadlineSeconds,
    [
      'spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value',
    ],
  ],
  [
    'tolerations may not go',
    { tolerations: [{ key: 'team', operator: 'Exists' }] },
    (spec) => spec.tolerations!.shift(),
    [
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ],
  ],
  [
    'gates may only go',
    { schedulingGates: [{ name: 'a' }] },
    (spec) => {
      spec.schedulingGates = [{ name: 'b' }]
    },
    [
      "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'b'",
    ],
  ],
  [
    'a gated pod may select fewer nodes',
    { schedulingGates: [{ name: 'a' }], nodeSelector: { a: 'b' } },
    (spec) => {
      spec.nodeSelector = { a: 'b', c: 'd' }
    },
    [],
  ],
  [
    'a gated pod may not select other nodes',
    { schedulingGates: [{ name: 'a' }], nodeSelector: { a: 'b' } },
    (spec) => {
      spec.nodeSelector = { c: 'd' }
    },
    [
      'spec.nodeSelector: Invalid value: {"c":"d"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
    ],
  ],
]
for (const [title, spec, change, expected] of changes) {
  test(`update: ${title}`, () => {
    assert.equal(
      faultsOfChange(spec, (pod) => change(pod.spec!)),
      expected,
    )
  })
}

test('a status keeps its class and an ended container stays ended', () => {
  const old = createPod({ restartPolicy: 'Never' })
  const terminated = { exitCode: 1 }
  const status = { name: 'web', image: '', imageID: '', ready: false, restartCount: 0 }
  old.status!.containerStatuses = [{ ...status, state: { terminated } }]
  const next = deepCopy(old)
  next.status!.qosClass = 'Guaranteed'
  next.status!.containerStatuses = [{ ...status, state: { running: {} } }]
  assert.equal(shown(Pod.validateStatusUpdate!(next, old)), [
    'status.qosClass: Invalid value: "Guaranteed": field is immutable',
    'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
  ])
})

test('a status written without its class gets it back', () => {
  const old = createPod()
  const next = { ...deepCopy(old), status: { phase: 'Running' } }
  Pod.prepareForStatusUpdate!(next, old, { now: 0 })
  assert.equal(next.status, { phase: 'Running', qosClass: 'BestEffort' })
})

test('the grace of a delete is that of the spec while something may run', () => {
  const pod = createPod({ terminationGracePeriodSeconds: 7 })
  assert.is(Pod.gracePeriodSeconds!(pod), 0)
  pod.spec!.nodeName = 'node-1'
  assert.is(Pod.gracePeriodSeconds!(pod), 7)
  pod.status!.phase = 'Succeeded'
  assert.is(Pod.gracePeriodSeconds!(pod), 0)
})

test.run()
