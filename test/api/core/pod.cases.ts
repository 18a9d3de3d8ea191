/**
 * Pod for the test of every kind.
 */
import { Pod } from '../../../src/api/core/pod.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: Pod,
  minimal: { metadata: { name: 'web' }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
  defaults: {
    spec: {
      dnsPolicy: 'ClusterFirst',
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      terminationGracePeriodSeconds: 30,
      serviceAccountName: 'default',
      serviceAccount: 'default',
      securityContext: {},
      enableServiceLinks: true,
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      containers: [
        {
          name: 'web',
          image: 'web:1',
          imagePullPolicy: 'IfNotPresent',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      tolerations: [
        {
          key: 'node.kubernetes.io/not-ready',
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 300,
        },
        {
          key: 'node.kubernetes.io/unreachable',
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 300,
        },
      ],
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  },
  bad: [
    {
      name: 'no containers',
      change: (pod) => {
        pod.spec.containers = []
      },
      causes: [
        { field: 'spec.containers', reason: 'FieldValueRequired', message: 'Required value' },
      ],
    },
    {
      name: 'containers without name and image, twice',
      change: (pod) => {
        pod.spec.containers = [{ name: 'a' }, { name: 'a', image: 'web:1' }]
      },
      causes: [
        { field: 'spec.containers[0].image', reason: 'FieldValueRequired' },
        {
          field: 'spec.containers[1].name',
          reason: 'FieldValueDuplicate',
          message: 'Duplicate value: "a"',
        },
      ],
    },
    {
      name: 'volumes with no source, two sources and a bad one',
      change: (pod) => {
        pod.spec.volumes = [
          { name: 'a', emptyDir: {}, hostPath: { path: '/' } },
          { name: 'b', csi: { driver: 'A_B' } },
          { name: 'c', nfs: { server: 'a', path: 'b' } },
        ]
      },
      causes: [
        {
          field: 'spec.volumes[0].hostPath',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: may not specify more than 1 volume type',
        },
        { field: 'spec.volumes[1].csi.driver', reason: 'FieldValueInvalid' },
        {
          field: 'spec.volumes[2].nfs.path',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "b": must be an absolute path',
        },
      ],
    },
    {
      name: 'an ephemeral volume that asks for nothing',
      change: (pod) => {
        pod.spec.volumes = [
          { name: 'scratch', ephemeral: { volumeClaimTemplate: { spec: {} } } },
          { name: 'same', persistentVolumeClaim: { claimName: 'web-scratch' } },
        ]
      },
      causes: [
        {
          field: 'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes',
          reason: 'FieldValueRequired',
        },
        {
          field: 'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]',
          reason: 'FieldValueRequired',
        },
        {
          field: 'spec.volumes[1].persistentVolumeClaim.claimName',
          reason: 'FieldValueInvalid',
          message:
            'Invalid value: "web-scratch": must not reference a PVC that gets created for an ephemeral volume',
        },
      ],
    },
    {
      name: 'a debugging container from the start',
      change: (pod) => {
        pod.spec.ephemeralContainers = [{ name: 'debug', image: 'web:1' }]
      },
      causes: [
        {
          field: 'spec.ephemeralContainers',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: cannot be set on create',
        },
      ],
    },
    {
      name: 'an unknown system',
      change: (pod) => {
        pod.spec.os = { name: 'beos' }
      },
      causes: [
        {
          field: 'spec.os',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "beos": supported values: "linux", "windows"',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'most of its spec',
      change: (pod) => {
        pod.spec.hostname = 'other'
      },
      causes: [
        {
          field: 'spec',
          reason: 'FieldValueForbidden',
          message:
            /^Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`,`spec.initContainers\[\*\].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \(only additions to existing tolerations\),`spec.terminationGracePeriodSeconds` \(allow it to be set to 1 if it was previously negative\)\n/,
        },
      ],
    },
    {
      name: 'its containers',
      change: (pod) => {
        pod.spec.containers.push({ name: 'more', image: 'web:1' })
      },
      causes: [
        {
          field: 'spec.containers',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: pod updates may not add or remove containers',
        },
      ],
    },
  ],
  change: (pod) => {
    pod.spec.containers[0].image = 'web:2'
  },
  status: { phase: 'Pending', message: 'waits' },
  cells: ['web', '0/1', 'Pending', '0', '<none>', '<none>', '<none>', '<none>'],
}
