/**
 * PKCS#10 as `@peculiar/x509` reads it, in a chunk of its own: hardly any process needs it.
 *
 * Invariant: the library is imported statically, here. It is CommonJS, and of such a module a bundle's `import()`
 * gives the default export only.
 */
import 'reflect-metadata'
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509'

/** The alternative names that are asked for, of one type each. */
export const alternativeNames = (
  request: Pkcs10CertificateRequest,
  type: 'dns' | 'ip' | 'email' | 'url',
): string[] =>
  request.extensions
    .flatMap((extension) =>
      extension instanceof SubjectAlternativeNameExtension ? extension.names.items : [],
    )
    .filter((name) => name.type === type)
    .map(({ value }) => value)

/** Throws Error when `der` is no request. */
export const readPkcs10 = (der: Buffer): Pkcs10CertificateRequest =>
  new Pkcs10CertificateRequest(der)
