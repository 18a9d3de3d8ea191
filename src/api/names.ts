/**
 * The rules for names: each function returns the faults of a text, empty when it has none.
 *
 * Wording and order are those of Kubernetes' `apimachinery/pkg/util/validation`; clients match on them.
 * It does not know where in an object the text stands: callers wrap messages into field errors.
 */

const DNS1123_LABEL_MAX = 63
const DNS1123_SUBDOMAIN_MAX = 253
const LABEL_VALUE_MAX = 63

/** Faults of `text`; empty when it is valid. */
export type NameRule = (text: string) => string[]

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`
const DNS1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const LABEL_VALUE = `(${QUALIFIED})?`

const exactly = (pattern: string) => new RegExp(`^(?:${pattern})$`)

const labelPattern = exactly(LABEL)
const subdomainPattern = exactly(SUBDOMAIN)
const dns1035Pattern = exactly(DNS1035)
const qualifiedPattern = exactly(QUALIFIED)
const labelValuePattern = exactly(LABEL_VALUE)

/** Bytes, not UTF-16 units: limits count what is stored, whatever word the message uses. */
const byteLength = (text: string) => Buffer.byteLength(text)

/** Kubernetes says bytes in what concerns labels and characters everywhere else. */
const maxLengthMessage = (limit: number, unit: 'characters' | 'bytes' = 'characters') =>
  `must be no more than ${limit} ${unit}`
export const rangeMessage = (low: number, high: number) =>
  `must be between ${low} and ${high}, inclusive`
const EMPTY_MESSAGE = 'must be non-empty'

/** Kubernetes' sentence about a regular expression that did not match. */
export const patternMessage = (rule: string, pattern: string, ...examples: string[]): string =>
  examples.length === 0
    ? `${rule} (regex used for validation is '${pattern}')`
    : `${rule} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}regex used for validation is '${pattern}')`

const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
const DNS1035_RULE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
const QUALIFIED_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
const LABEL_VALUE_RULE = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`

export const dns1123LabelErrors: NameRule = (text) => {
  if (text.length <= DNS1123_LABEL_MAX && labelPattern.test(text)) return []
  const errors: string[] = []
  if (byteLength(text) > DNS1123_LABEL_MAX) errors.push(maxLengthMessage(DNS1123_LABEL_MAX))
  if (labelPattern.test(text)) return errors
  errors.push(
    subdomainPattern.test(text)
      ? 'must not contain dots'
      : patternMessage(LABEL_RULE, LABEL, 'my-name', '123-abc'),
  )
  return errors
}

export const dns1123SubdomainErrors: NameRule = (text) => subdomainErrors(text, 'characters')

const WILDCARD_SUBDOMAIN = `\\*\\.${SUBDOMAIN}`
const WILDCARD_RULE =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
const wildcardPattern = exactly(WILDCARD_SUBDOMAIN)

/** A host name that stands for all names one label below a domain: `*.example.com`. */
export const wildcardSubdomainErrors: NameRule = (text) => {
  const errors: string[] = []
  if (byteLength(text) > DNS1123_SUBDOMAIN_MAX) errors.push(maxLengthMessage(DNS1123_SUBDOMAIN_MAX))
  if (!wildcardPattern.test(text))
    errors.push(patternMessage(WILDCARD_RULE, WILDCARD_SUBDOMAIN, '*.example.com'))
  return errors
}

const subdomainErrors = (text: string, unit: 'characters' | 'bytes'): string[] => {
  if (text.length <= DNS1123_SUBDOMAIN_MAX && subdomainPattern.test(text)) return []
  const errors: string[] = []
  if (byteLength(text) > DNS1123_SUBDOMAIN_MAX)
    errors.push(maxLengthMessage(DNS1123_SUBDOMAIN_MAX, unit))
  if (!subdomainPattern.test(text))
    errors.push(patternMessage(SUBDOMAIN_RULE, SUBDOMAIN, 'example.com'))
  return errors
}

export const dns1035LabelErrors: NameRule = (text) => {
  const errors: string[] = []
  if (byteLength(text) > DNS1123_LABEL_MAX) errors.push(maxLengthMessage(DNS1123_LABEL_MAX))
  if (!dns1035Pattern.test(text))
    errors.push(patternMessage(DNS1035_RULE, DNS1035, 'my-name', 'abc-123'))
  return errors
}

/** `[prefix/]name`: label keys, annotation keys (lower-cased), resource names, condition types. */
export const qualifiedNameErrors: NameRule = (text) => {
  if (text.length <= DNS1123_LABEL_MAX && qualifiedPattern.test(text)) return []
  const parts = text.split('/')
  const errors: string[] = []
  if (parts.length > 2)
    return [
      `a valid label key ${patternMessage(QUALIFIED_RULE, QUALIFIED, 'MyName', 'my.name', '123-abc')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  if (parts.length === 2) {
    const prefix = parts[0] ?? ''
    if (prefix === '') errors.push(`prefix part ${EMPTY_MESSAGE}`)
    else for (const error of subdomainErrors(prefix, 'bytes')) errors.push(`prefix part ${error}`)
  }
  const name = parts.at(-1) ?? ''
  if (name === '') errors.push(`name part ${EMPTY_MESSAGE}`)
  else if (byteLength(name) > DNS1123_LABEL_MAX)
    errors.push(`name part ${maxLengthMessage(DNS1123_LABEL_MAX, 'bytes')}`)
  if (!qualifiedPattern.test(name))
    errors.push(
      `name part ${patternMessage(QUALIFIED_RULE, QUALIFIED, 'MyName', 'my.name', '123-abc')}`,
    )
  return errors
}

export const labelKeyErrors: NameRule = qualifiedNameErrors

export const labelValueErrors: NameRule = (text) => {
  if (text.length <= LABEL_VALUE_MAX && labelValuePattern.test(text)) return []
  const errors: string[] = []
  if (byteLength(text) > LABEL_VALUE_MAX) errors.push(maxLengthMessage(LABEL_VALUE_MAX, 'bytes'))
  if (!labelValuePattern.test(text))
    errors.push(patternMessage(LABEL_VALUE_RULE, LABEL_VALUE, 'MyValue', 'my_value', '12345'))
  return errors
}

/** A name that may be one segment of a URL path. */
export const pathSegmentErrors: NameRule = (text) => {
  if (text === '.' || text === '..') return [`may not be '${text}'`]
  return ['/', '%'].filter((part) => text.includes(part)).map((part) => `may not contain '${part}'`)
}

const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const httpPathPattern = exactly(HTTP_PATH)

/** Faults of `example.com/some/path`, each with the part that has it; the empty text has none. */
export const domainPrefixedPathErrors = (text: string): { value: string; fault: string }[] => {
  if (text === '') return []
  const slash = text.indexOf('/')
  if (slash <= 0 || slash === text.length - 1)
    return [{ value: text, fault: 'must be a domain-prefixed path (such as "acme.io/foo")' }]
  const host = text.slice(0, slash)
  const path = text.slice(slash + 1)
  const errors = dns1123SubdomainErrors(host).map((fault) => ({ value: host, fault }))
  if (!httpPathPattern.test(path))
    errors.push({ value: path, fault: patternMessage('Invalid path', HTTP_PATH) })
  return errors
}

/** `.` and `..`, which would be folders where keys become files. */
const folderErrors = (text: string): string[] => {
  if (text === '.') return ["must not be '.'"]
  if (text === '..') return ["must not be '..'"]
  return text.startsWith('..') ? ["must not start with '..'"] : []
}

/** An environment variable's name: anything printable but `=` (relaxed rule, the default since 1.34). */
export const envVarNameErrors: NameRule = (text) => {
  if (text === '') return [`environment variable name ${EMPTY_MESSAGE}`]
  return /^[ -<>-~]+$/.test(text)
    ? []
    : [
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      ]
}

/** A key of a ConfigMap or Secret. */
export const configKeyErrors: NameRule = (text) => {
  const errors: string[] = []
  if (byteLength(text) > DNS1123_SUBDOMAIN_MAX) errors.push(maxLengthMessage(DNS1123_SUBDOMAIN_MAX))
  if (!/^[-._a-zA-Z0-9]+$/.test(text))
    errors.push(
      patternMessage(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        '[-._a-zA-Z0-9]+',
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    )
  errors.push(...folderErrors(text))
  return errors
}

export const httpHeaderErrors: NameRule = (text) =>
  /^[-A-Za-z0-9]+$/.test(text)
    ? []
    : [
        patternMessage(
          "a valid HTTP header must consist of alphanumeric characters or '-'",
          '[-A-Za-z0-9]+',
          'X-Header-Name',
        ),
      ]

/** The name of a port, as containers and services give it. */
export const portNameErrors: NameRule = (text) => {
  const errors: string[] = []
  if (byteLength(text) > 15) errors.push(maxLengthMessage(15))
  if (!/^[-a-z0-9]+$/.test(text))
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(text)) errors.push('must contain at least one letter (a-z)')
  if (text.includes('--')) errors.push('must not contain consecutive hyphens')
  if (text.startsWith('-') || text.endsWith('-')) errors.push('must not begin or end with a hyphen')
  return errors
}

export const portNumberErrors = (port: number): string[] =>
  port >= 1 && port <= 65535 ? [] : [rangeMessage(1, 65535)]

export const percentErrors: NameRule = (text) =>
  /^[0-9]+%$/.test(text)
    ? []
    : [
        patternMessage(
          "a valid percent string must be a numeric string followed by an ending '%'",
          '[0-9]+%',
          '1%',
          '93%',
        ),
      ]

/** `prefix` as `rule` should see it: generateName may end where a name may not. */
export const maskTrailingDash = (prefix: string): string =>
  prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix
