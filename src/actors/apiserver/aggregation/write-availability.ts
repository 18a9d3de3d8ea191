/**
 * Writes what an availability check found to the status of its APIService.
 */
import { APIService } from '../../../api/apiregistration/api-service.ts'
import { SYSTEM } from '../bootstrap.ts'
import { execute } from '../pipeline.ts'
import { NO_QUERY } from '../request.ts'
import type { Services } from '../services.ts'

/** Throws StatusError, a conflict when the object has changed since. */
export const writeAvailability = async (services: Services, object: APIService): Promise<void> => {
  await execute(services, {
    verb: 'update',
    kind: APIService,
    subresource: 'status',
    namespace: undefined,
    name: object.metadata.name,
    user: SYSTEM,
    manager: 'kube-apiserver',
    query: NO_QUERY,
    body: object,
  })
}
