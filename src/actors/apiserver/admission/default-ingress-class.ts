/**
 * DefaultIngressClass: a new ingress that names no class gets the default one, if there is one.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/network/defaultingressclass`).
 */
import { Ingress } from '../../../api/networking/ingress.ts'
import { IngressClass, isDefaultIngressClass } from '../../../api/networking/ingress-class.ts'
import { newestOf } from './default-class.ts'
import type { AdmissionPlugin } from './plugin.ts'

/** How a class was named before ingresses had a field for it. */
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  handles: (kind, operation, subresource) =>
    kind === Ingress && operation === 'CREATE' && subresource === undefined,
  mutate: ({ services, object }) => {
    const ingress = object as Ingress
    if (ingress.spec?.ingressClassName != null) return
    if (ingress.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return
    const classes = services.storage.cache.list(IngressClass)
    const found = newestOf(classes.filter(({ metadata }) => isDefaultIngressClass(metadata)))
    if (found) ingress.spec = { ...ingress.spec, ingressClassName: found.metadata.name }
  },
}
