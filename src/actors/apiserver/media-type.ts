/**
 * `Content-Type` headers, read as Go's `mime.ParseMediaType` reads them.
 *
 * Invariant: a header with parameters that make no sense names no type at all. What is served is not known here.
 */

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const TYPE = new RegExp(`^${TOKEN}(?:/${TOKEN})?$`)
const PARAMETER = new RegExp(`^\\s*;\\s*(?:(${TOKEN})\\s*=\\s*(?:${TOKEN}|"(?:[^"\\\\]|\\\\.)*"))?`)

/** In small letters, without parameters; '' when the header names none, undefined when it cannot be read. */
export const mediaTypeOf = (header: string | undefined): string | undefined => {
  if (!header) return ''
  const end = header.indexOf(';')
  const type = (end < 0 ? header : header.slice(0, end)).trim().toLowerCase()
  if (!TYPE.test(type)) return undefined
  return end < 0 || hasSense(header.slice(end)) ? type : undefined
}

/** Whether each parameter has a value and none comes twice; a lone semicolon may end them. */
const hasSense = (text: string): boolean => {
  const names = new Set<string>()
  let rest = text
  while (rest.trim() !== '') {
    const found = PARAMETER.exec(rest)
    if (!found) return false
    rest = rest.slice(found[0].length)
    const name = found[1]?.toLowerCase()
    if (name === undefined) return rest.trim() === ''
    if (names.has(name)) return false
    names.add(name)
  }
  return true
}
