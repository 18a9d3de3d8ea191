/**
 * Whether the expressions of a ValidatingAdmissionPolicy fit the types of what it is about.
 *
 * After Kubernetes' `apiserver/pkg/admission/plugin/policy/validating/typechecking.go`. Invariant: what is found are
 * warnings; no policy behaves differently for them. It is asked for types and looks nothing up.
 */

import type { V1ExpressionWarning } from '@kubernetes/client-node'
import type { CelType } from '../cel/cel-type.ts'
import type { Wire } from '../meta.ts'
import { compileExpression, type ExpressionOptions } from './admission-expressions.ts'
import type { PolicySpec } from './policy-validation.ts'
import type { ValidatingAdmissionPolicy } from './validating-admission-policy.ts'

export interface NamedType {
  group: string
  version: string
  kind: string
  type: CelType
}

export interface TypeSource {
  /** Of a resource; undefined: it is not served, or nothing is known of it. */
  ofResource(group: string, version: string, resource: string): NamedType | undefined
  ofKind(apiVersion: string, kind: string): CelType | undefined
}

/** More are not checked. */
const TYPES_MAX = 10

/** The compiler has to be loaded. */
export const checkPolicyTypes = (
  { spec = {} }: ValidatingAdmissionPolicy,
  source: TypeSource,
): Wire<V1ExpressionWarning>[] => {
  const { paramKind } = spec
  const types = typesOf(spec, source)
  const params = paramKind && source.ofKind(paramKind.apiVersion ?? '', paramKind.kind ?? '')
  const warnings: Wire<V1ExpressionWarning>[] = []
  const check = (fieldRef: string, expression: string): void => {
    const faults = types.flatMap((type) => {
      const fault = faultOf(spec, type, params, expression)
      return fault === undefined
        ? []
        : [`${type.group}/${type.version}, Kind=${type.kind}: ${fault}\n`]
    })
    if (faults.length > 0) warnings.push({ fieldRef, warning: faults.join('\n') })
  }
  for (const [index, validation] of (spec.validations ?? []).entries()) {
    const { expression = '', messageExpression } = validation
    check(`spec.validations[${index}].expression`, expression)
    if (messageExpression) check(`spec.validations[${index}].messageExpression`, messageExpression)
  }
  return warnings
}

const typesOf = ({ matchConstraints }: PolicySpec, source: TypeSource): NamedType[] => {
  const found = new Map<string, NamedType>()
  for (const rule of matchConstraints?.resourceRules ?? []) {
    const { apiGroups = [], apiVersions = [], resources = [] } = rule
    if (apiGroups.includes('*') || apiVersions.includes('*')) continue
    const plain = resources.filter((resource) => !/[*/]/.test(resource))
    for (const group of [...apiGroups].sort())
      for (const version of [...apiVersions].sort())
        for (const resource of plain.sort()) {
          const type = source.ofResource(group, version, resource)
          if (type && found.size < TYPES_MAX) found.set(`${group}/${version}/${type.kind}`, type)
        }
  }
  return [...found.entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, type]) => type)
}

const PREFIX = 'compilation failed: '

const faultOf = (
  { variables = [], paramKind }: PolicySpec,
  { type }: NamedType,
  params: CelType | undefined,
  expression: string,
): string | undefined => {
  const composed: Record<string, CelType> = {}
  const options: ExpressionOptions = {
    hasParams: paramKind !== undefined,
    hasAuthorizer: true,
    objectType: type,
    ...(params ? { paramsType: params } : {}),
  }
  for (const { name = '', expression: text = '' } of variables) {
    const result = compileExpression(text, [], { ...options, composed: { ...composed } })
    composed[name] = 'compiled' in result ? result.compiled.type : result.type
  }
  const result = compileExpression(expression, [], { ...options, composed })
  return 'fault' in result ? result.fault.replace(PREFIX, '') : undefined
}
