/**
 * PKCS#10 as `@peculiar/x509` reads it, in a chunk of its own: hardly any process needs it.
 *
 * Invariant: the library is imported statically, here. It is CommonJS, and of such a module a bundle's `import()`
 * gives the default export only.
 */
import 'reflect-metadata'
import { Pkcs10CertificateRequest } from '@peculiar/x509'

/** Throws Error when `der` is no request. */
export const readPkcs10 = (der: Buffer): Pkcs10CertificateRequest =>
  new Pkcs10CertificateRequest(der)
