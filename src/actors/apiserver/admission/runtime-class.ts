/**
 * RuntimeClass: a new pod gets the overhead of the class it names and goes where nodes offer it.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/runtimeclass`); what the class means is decided in
 * `api/node/runtime-class-admission.ts`.
 */
import { Pod } from '../../../api/core/pod.ts'
import { RuntimeClass } from '../../../api/node/runtime-class.ts'
import { admitRuntimeClass, overheadFault } from '../../../api/node/runtime-class-admission.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  handles: (kind, operation, subresource) =>
    kind === Pod && operation === 'CREATE' && subresource === undefined,
  mutate: (attributes) => {
    const { services, object } = attributes
    const name = (object as Pod).spec?.runtimeClassName
    if (!name || classNamed(attributes, name)) return complete(attributes)
    return services.storage.barrier(RuntimeClass).then(() => complete(attributes))
  },
  validate: (attributes) => {
    const { spec } = attributes.object as Pod
    if (!spec) return undefined
    const name = spec.runtimeClassName
    const fault = overheadFault(spec, name ? classNamed(attributes, name) : undefined)
    if (fault) throw refusedBy(attributes, fault)
    return undefined
  },
}

const classNamed = ({ services }: AdmissionAttributes, name: string): RuntimeClass | undefined =>
  services.storage.cache.get(RuntimeClass, undefined, name)

/** Throws 403. */
const complete = (attributes: AdmissionAttributes): void => {
  const { spec } = attributes.object as Pod
  if (!spec) return
  const name = spec.runtimeClassName
  const fault = admitRuntimeClass(spec, name ? classNamed(attributes, name) : undefined)
  if (fault) throw refusedBy(attributes, fault)
}
