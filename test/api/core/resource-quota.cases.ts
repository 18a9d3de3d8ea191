/**
 * ResourceQuota for the test of every kind.
 */
import { ResourceQuota } from '../../../src/api/core/resource-quota.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: ResourceQuota,
  minimal: { metadata: { name: 'quota' }, spec: { hard: { pods: '4', 'requests.cpu': '2' } } },
  defaults: { spec: { hard: { pods: '4', 'requests.cpu': '2' } } },
  bad: [
    {
      name: 'what cannot be counted, and half a pod',
      change: (quota) => {
        quota.spec.hard = { storage: '1', pods: '500m', services: '-1' }
      },
      causes: [
        {
          field: 'spec.hard[storage]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "storage": must be a standard resource for quota',
        },
        {
          field: 'spec.hard[pods]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "500m": must be an integer',
        },
        { field: 'spec.hard[services]', reason: 'FieldValueInvalid' },
      ],
    },
    {
      name: 'scopes that exclude each other or fit no resource',
      change: (quota) => {
        quota.spec.hard = { services: '1' }
        quota.spec.scopes = ['Terminating', 'NotTerminating']
      },
      causes: [
        {
          field: 'spec.scopes',
          reason: 'FieldValueInvalid',
          message: /unsupported scope applied to resource$/,
        },
        {
          field: 'spec.scopes',
          reason: 'FieldValueInvalid',
          message: /unsupported scope applied to resource$/,
        },
        {
          field: 'spec.scopes',
          reason: 'FieldValueInvalid',
          message: /conflicting scopes$/,
        },
      ],
    },
    {
      name: 'a selector without values',
      change: (quota) => {
        quota.spec.scopeSelector = {
          matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In' }],
        }
      },
      causes: [
        {
          field: 'spec.scopeSelector.matchExpressions.values',
          reason: 'FieldValueRequired',
          message:
            "Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'its scopes',
      change: (quota) => {
        quota.spec.scopes = ['NotTerminating']
      },
      causes: [
        {
          field: 'spec.scopes',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: ["NotTerminating"]: field is immutable',
        },
      ],
    },
  ],
  change: (quota) => {
    quota.spec.hard.pods = '5'
  },
  status: { hard: { pods: '4' }, used: { pods: '1' } },
  cells: ['quota', /^(|pods: .*)$/, /^/],
}
