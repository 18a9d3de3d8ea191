/**
 * Kubernetes' library of authorization: `authorizer.group('apps').resource('deployments').check('get').allowed()`.
 *
 * An `Authorizer` is bound as a variable by whoever evaluates, with the function that decides. Invariant: nothing
 * is decided before `check`. Selectors are kept as text; a decision may disregard them.
 */
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../names.ts'
import { CelError } from '../cel-error.ts'
import { Opaque } from '../value.ts'
import { define, type Overload } from './overload.ts'

/** What is asked: a path, or a resource. */
export interface AccessQuestion {
  /** Undefined: the one whose request is looked at. */
  serviceAccount?: { namespace: string; name: string }
  verb: string
  path?: string
  group?: string
  resource?: string
  subresource?: string
  namespace?: string
  name?: string
  fieldSelector?: string
  labelSelector?: string
}

export interface AccessAnswer {
  isAllowed: boolean
  reason?: string
  error?: string
}

type Decide = (question: AccessQuestion) => AccessAnswer
type Draft = Omit<AccessQuestion, 'verb'>

const TYPES = 'kubernetes.authorization'
/** As the checker names them. */
export const AUTHORIZER_TYPE = `${TYPES}.Authorizer`
export const RESOURCE_CHECK_TYPE = `${TYPES}.ResourceCheck`

/** Each is equal to itself only, as in Kubernetes. */
abstract class Unique extends Opaque {
  equals(other: Opaque): boolean {
    return this === other
  }
}

export class Authorizer extends Unique {
  readonly typeName = AUTHORIZER_TYPE
  readonly decide: Decide
  readonly draft: Draft
  constructor(decide: Decide, draft: Draft = {}) {
    super()
    this.decide = decide
    this.draft = draft
  }
}

/** A question without its verb; of a path, a group or a resource. */
class Check extends Unique {
  readonly typeName: string
  readonly decide: Decide
  readonly draft: Draft
  constructor(typeName: string, decide: Decide, draft: Draft) {
    super()
    this.typeName = typeName
    this.decide = decide
    this.draft = draft
  }
  with(more: Draft, typeName = this.typeName): Check {
    return new Check(typeName, this.decide, { ...this.draft, ...more })
  }
}

/** The check that `authorizer.requestResource` is bound to. */
export const resourceCheck = (decide: Decide, resource: Draft): Opaque =>
  new Check(RESOURCE_CHECK_TYPE, decide, resource)

class Decision extends Unique {
  readonly typeName = `${TYPES}.Decision`
  readonly answer: AccessAnswer
  constructor(answer: AccessAnswer) {
    super()
    this.answer = answer
  }
}

/** One expression may ask twice. */
const CHECK_COST = 350_000

const decided = (check: Check, verb: string): Decision =>
  new Decision(check.decide({ ...check.draft, verb }))

const accountOf = (namespace: string, name: string): Draft => {
  if (dns1123SubdomainErrors(name).length > 0) throw new CelError('Invalid service account name')
  if (dns1123LabelErrors(namespace).length > 0)
    throw new CelError('Invalid service account namespace')
  return { serviceAccount: { namespace, name } }
}

const given = (text: string, what: string): string => {
  if (!text.trim()) throw new CelError(`${what} must not be empty`)
  return text
}

const builders: readonly Overload[] = define({
  [`${TYPES}.Authorizer.path(string): ${TYPES}.PathCheck`]: (own: Authorizer, path: string) =>
    new Check(`${TYPES}.PathCheck`, own.decide, { ...own.draft, path: given(path, 'path') }),
  [`${TYPES}.Authorizer.group(string): ${TYPES}.GroupCheck`]: (own: Authorizer, group: string) =>
    new Check(`${TYPES}.GroupCheck`, own.decide, { ...own.draft, group }),
  [`${TYPES}.Authorizer.serviceAccount(string, string): ${TYPES}.Authorizer`]: (
    own: Authorizer,
    namespace: string,
    name: string,
  ) => new Authorizer(own.decide, accountOf(namespace, name)),
  [`${TYPES}.GroupCheck.resource(string): ${TYPES}.ResourceCheck`]: (
    check: Check,
    resource: string,
  ) => check.with({ resource: given(resource, 'resource') }, RESOURCE_CHECK_TYPE),
  ...Object.fromEntries(
    (['subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'] as const).map(
      (field) => [
        `${TYPES}.ResourceCheck.${field}(string): ${TYPES}.ResourceCheck`,
        (check: Check, value: string) => check.with({ [field]: value }),
      ],
    ),
  ),
  [`${TYPES}.Decision.allowed(): bool`]: ({ answer }: Decision) => answer.isAllowed,
  [`${TYPES}.Decision.reason(): string`]: ({ answer }: Decision) => answer.reason ?? '',
  [`${TYPES}.Decision.errored(): bool`]: ({ answer }: Decision) => answer.error !== undefined,
  [`${TYPES}.Decision.error(): string`]: ({ answer }: Decision) => answer.error ?? '',
})

const checks: readonly Overload[] = define(
  {
    [`${TYPES}.PathCheck.check(string): ${TYPES}.Decision`]: decided,
    [`${TYPES}.ResourceCheck.check(string): ${TYPES}.Decision`]: decided,
  },
  () => CHECK_COST,
)

export const authorization: readonly Overload[] = [...builders, ...checks]
