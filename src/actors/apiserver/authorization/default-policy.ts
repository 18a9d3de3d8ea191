/**
 * Keeps the roles and bindings that every cluster has.
 *
 * After Kubernetes' post-start hook `rbac/bootstrap-roles`: what is missing is created, what exists is completed and
 * never narrowed. Invariant: a start that finds everything in place writes nothing; the first one writes it all at
 * once. What they are is in `api/rbac/default-policy.ts`, which is loaded for this only.
 */
import type {
  AnyBinding,
  AnyRole,
  DefaultBinding,
  DefaultRole,
} from '../../../api/rbac/default-policy.ts'
import { StatusError } from '../../../api/status-error.ts'
import { execute } from '../pipeline.ts'
import { NO_QUERY, type User, type Verb } from '../request.ts'
import type { Services } from '../services.ts'

const ATTEMPTS_MAX = 5

/** Resolves when everything is in place; `user` is who writes. Throws StatusError. */
export const keepDefaultPolicy = async (services: Services, user: User): Promise<void> => {
  const policy = await import('../../../api/rbac/default-policy.ts')
  const { completedRole, completedBinding, defaultRoles, defaultBindings } = policy
  const keeper = new Keeper(services, user)
  await Promise.all([
    ...defaultRoles().map((role) =>
      keeper.keep(role, (existing) => completedRole(existing as AnyRole, role.object)),
    ),
    ...defaultBindings().map((binding) =>
      keeper.keep(binding, (existing) => completedBinding(existing as AnyBinding, binding.object)),
    ),
  ])
}

type Complete = (existing: AnyRole | AnyBinding) => AnyRole | AnyBinding | 'recreate' | undefined

class Keeper {
  private readonly services: Services
  private readonly user: User

  constructor(services: Services, user: User) {
    this.services = services
    this.user = user
  }

  /** Others may be doing the same: whoever loses a race looks again. */
  async keep(expected: DefaultRole | DefaultBinding, complete: Complete): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        return await this.write(expected, complete)
      } catch (error) {
        if (attempt === ATTEMPTS_MAX || !isRace(error)) throw error
      }
  }

  private async write(
    { kind, object }: DefaultRole | DefaultBinding,
    complete: Complete,
  ): Promise<void> {
    const { name, namespace } = object.metadata
    const existing = this.services.storage.cache.get(kind, namespace, name)
    if (!existing) return this.run('create', kind, object)
    const completed = complete(existing)
    if (completed === undefined) return
    if (completed !== 'recreate') return this.run('update', kind, completed)
    const { uid } = existing.metadata
    await this.run('delete', kind, object, { preconditions: { uid } })
    await this.run('create', kind, object)
  }

  private async run(
    verb: Verb,
    kind: DefaultRole['kind'],
    { metadata, ...rest }: AnyRole | AnyBinding,
    body: unknown = { metadata, ...rest },
  ): Promise<void> {
    const { name, namespace } = metadata
    await execute(this.services, {
      verb,
      kind,
      namespace,
      name: verb === 'create' ? undefined : name,
      user: this.user,
      manager: 'kube-apiserver',
      query: NO_QUERY,
      body,
    })
  }
}

const RACES = new Set(['AlreadyExists', 'Conflict', 'NotFound'])

const isRace = (error: unknown): boolean => error instanceof StatusError && RACES.has(error.reason)
