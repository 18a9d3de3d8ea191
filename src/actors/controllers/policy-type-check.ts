/**
 * Tells in a ValidatingAdmissionPolicy's status which of its expressions do not fit the types of what it is about.
 *
 * After Kubernetes' `pkg/controller/validatingadmissionpolicystatus`. Invariant: each generation is looked at once. The
 * compiler of expressions is loaded with the first policy there is.
 */
import type { NamedType, TypeSource } from '../../api/admissionregistration/policy-type-check.ts'
import { ValidatingAdmissionPolicy } from '../../api/admissionregistration/validating-admission-policy.ts'
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts'
import type { CelType } from '../../api/cel/cel-type.ts'
import type { SchemaShape } from '../../api/cel/schema-type.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { KindRegistry } from '../../api/registry.ts'
import type { Client } from '../../client/client.ts'
import type { Cache } from '../../client/view.ts'
import { defineController } from './controller.ts'
import { type Command, NOTHING } from './plan.ts'

export const policyTypeCheck = defineController<ValidatingAdmissionPolicy>({
  name: 'policy-type-check',
  component: 'validatingadmissionpolicy-status-controller',
  for: ValidatingAdmissionPolicy,
  concerns: ({ type }) => type !== 'DELETED',
  reconcile: (policy, _key, view) => {
    const { generation = 0 } = policy?.metadata ?? {}
    if (!policy || generation <= (policy.status?.observedGeneration ?? 0)) return NOTHING
    const answer = async (client: Client): Promise<Command[]> => {
      const expressionWarnings = await warningsOf(policy, view, client)
      const typeChecking = expressionWarnings.length > 0 ? { expressionWarnings } : {}
      const status = { ...policy.status, observedGeneration: generation, typeChecking }
      const object = { ...policy, status }
      return [{ verb: 'updateStatus', kind: ValidatingAdmissionPolicy, object }]
    }
    return {
      commands: [
        {
          verb: 'ask',
          kind: ValidatingAdmissionPolicy,
          object: policy,
          question: 'types of expressions',
          answer,
        },
      ],
    }
  },
})

const warningsOf = async (policy: ValidatingAdmissionPolicy, view: Cache, client: Client) => {
  const [{ checkPolicyTypes }, { loadCompiler }, models, schemas] = await Promise.all([
    import('../../api/admissionregistration/policy-type-check.ts'),
    import('../../api/admissionregistration/admission-expressions.ts'),
    import('../../api/cel/model-type.ts'),
    import('../../api/cel/schema-type.ts'),
  ])
  await loadCompiler()
  const definitions = await definitionsFor(policy, view, client)
  const { typeOfModel } = models
  return checkPolicyTypes(
    policy,
    typeSource(view.kinds, definitions, typeOfModel, schemas.typeOfSchema),
  )
}

/** Definitions of the groups that the policy names, with their schemas, which this process does not keep. */
const definitionsFor = (
  { spec }: ValidatingAdmissionPolicy,
  view: Cache,
  client: Client,
): Promise<CustomResourceDefinition[]> => {
  const rules = spec?.matchConstraints?.resourceRules ?? []
  const groups = new Set(rules.flatMap(({ apiGroups = [] }) => apiGroups))
  groups.add(spec?.paramKind?.apiVersion?.split('/')[0] ?? '')
  const wanted = view.list(CustomResourceDefinition).filter((each) => groups.has(each.spec.group))
  return Promise.all(
    wanted.map(({ metadata }) => client.get(CustomResourceDefinition, undefined, metadata.name)),
  )
}

type TypeOfModel = typeof import('../../api/cel/model-type.ts').typeOfModel
type TypeOfSchema = typeof import('../../api/cel/schema-type.ts').typeOfSchema

const typeSource = (
  kinds: KindRegistry,
  definitions: readonly CustomResourceDefinition[],
  typeOfModel: TypeOfModel,
  typeOfSchema: TypeOfSchema,
): TypeSource => {
  const ofBuiltIn = (kind: AnyKind | undefined): CelType | undefined =>
    kind && !kind.isCustom && kind.model ? typeOfModel(kind.model, kind.kind) : undefined
  const ofCustom = (
    group: string,
    version: string,
    isMeant: (names: CustomResourceDefinition['spec']['names']) => boolean,
  ): NamedType | undefined => {
    const definition = definitions.find(({ spec }) => spec.group === group && isMeant(spec.names))
    const served = definition?.spec.versions.find((each) => each.name === version && each.served)
    const schema = served?.schema?.openAPIV3Schema as SchemaShape | undefined
    const type = schema && typeOfSchema(schema, true, definition?.spec.names.kind)
    if (!definition || type?.kind !== 'object') return undefined
    const { kind } = definition.spec.names
    const metadata = { name: 'metadata', type: typeOfModel('V1ObjectMeta', `${kind}.metadata`) }
    const fields = new Map([...type.fields, ['metadata', metadata]])
    return { group, version, kind, type: { ...type, fields } }
  }
  return {
    ofResource: (group, version, resource) => {
      const kind = kinds.of(group ? `${group}/${version}` : version)?.get(resource)
      const type = ofBuiltIn(kind)
      if (kind && type) return { group, version, kind: kind.kind, type }
      return ofCustom(group, version, ({ plural }) => plural === resource)
    },
    ofKind: (apiVersion, name) => {
      const [version = '', group = ''] = apiVersion.split('/').reverse()
      return (
        ofBuiltIn(kinds.byName(apiVersion, name)) ??
        ofCustom(group, version, ({ kind }) => kind === name)?.type
      )
    },
  }
}
