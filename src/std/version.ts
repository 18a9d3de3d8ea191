/**
 * The version of this program, and of the Kubernetes API it serves.
 */
export const KUBUS_VERSION = '0.1.0'
export const KUBERNETES_VERSION = 'v1.36.0'
