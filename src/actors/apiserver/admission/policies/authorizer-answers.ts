/**
 * Answers to what expressions ask the authorizer, within one evaluation.
 *
 * Expressions do not wait, an authorizer may (a webhook): then the evaluation is given up, and begun again once the
 * answer is there. Invariant: each question is asked once for each write and policy, as with Kubernetes'
 * `CachingAuthorizer`.
 */
import type { AccessAnswer, AccessQuestion } from '../../../../api/cel/library/authorizer.ts'
import type { Attributes, Decision } from '../../authorization/attributes.ts'
import type { User } from '../../request.ts'
import type { AdmissionAttributes } from '../plugin.ts'

type Decide = (question: AccessQuestion) => AccessAnswer

/** An answer is on its way. */
class Pending {
  constructor(readonly settled: Promise<void>) {}
}

/** What `evaluate` gives, at once unless an answer has to be waited for: then it runs again. */
export const withDecisions = <Result>(
  { services, user }: AdmissionAttributes,
  evaluate: (decide: Decide) => Result,
): Result | Promise<Result> => {
  const answers = new Map<string, AccessAnswer>()
  const decide: Decide = (question) => {
    const key = JSON.stringify(question)
    const known = answers.get(key)
    if (known) return known
    const decision = services.authorizer.decide(attributesOf(question, user))
    if (decision instanceof Promise)
      throw new Pending(decision.then((answer) => void answers.set(key, answerOf(answer))))
    const answer = answerOf(decision)
    answers.set(key, answer)
    return answer
  }
  const attempt = (): Result | Promise<Result> => {
    try {
      return evaluate(decide)
    } catch (error) {
      if (!(error instanceof Pending)) throw error
      return error.settled.then(attempt)
    }
  }
  return attempt()
}

const answerOf = ({ allowed, reason, error }: Decision): AccessAnswer => ({
  isAllowed: allowed,
  ...(reason ? { reason } : {}),
  ...(error ? { error } : {}),
})

const attributesOf = (question: AccessQuestion, asker: User): Attributes => {
  const { serviceAccount, verb, path, fieldSelector, labelSelector } = question
  const user = serviceAccount ? accountUser(serviceAccount) : asker
  if (path !== undefined) return { user, verb, path }
  const { group = '', resource = '', subresource, namespace, name } = question
  return {
    user,
    verb,
    group,
    version: '*',
    resource,
    ...(subresource ? { subresource } : {}),
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
    ...(fieldSelector ? { fieldSelector } : {}),
    ...(labelSelector ? { labelSelector } : {}),
  }
}

const accountUser = ({ namespace, name }: { namespace: string; name: string }): User => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
})
