/**
 * HTML whose links lead through the proxy: finds the attributes that hold URLs and lets them be rewritten. Pure.
 *
 * Invariant: everything else stays as it was, byte for byte, and the time taken is linear in the text. The elements
 * and attributes are those of HTML 4 and 5 that hold URLs.
 */
import { Tokenizer } from 'htmlparser2'

const URL_ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
}

/** What the tokenizer tells and nobody asks. */
const ignore = (): void => undefined

export const rewriteHtml = (html: string, rewrite: (url: string) => string): string => {
  let out = ''
  let copied = 0
  let wanted: readonly string[] = []
  let isWanted = false
  let value = ''
  let valueStart: number | undefined
  const tokenizer = new Tokenizer(
    { decodeEntities: true },
    {
      onopentagname: (start, end) => {
        wanted = URL_ATTRIBUTES[html.slice(start, end).toLowerCase()] ?? []
      },
      onattribname: (start, end) => {
        isWanted = wanted.includes(html.slice(start, end).toLowerCase())
        value = ''
        valueStart = undefined
      },
      onattribdata: (start, end) => {
        valueStart ??= start
        value += html.slice(start, end)
      },
      onattribentity: (codepoint) => {
        value += String.fromCodePoint(codepoint)
      },
      onattribend: (quote, end) => {
        const next = isWanted && value ? rewrite(value) : value
        // A value that begins with an entity has no known start; such a URL is nobody's path.
        if (next === value || valueStart === undefined) return
        const isQuoted = quote !== UNQUOTED
        out += html.slice(copied, valueStart) + (isQuoted ? encoded(next) : `"${encoded(next)}"`)
        copied = isQuoted ? end - 1 : end
      },
      oncdata: ignore,
      onclosetag: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onend: ignore,
      onopentagend: ignore,
      onprocessinginstruction: ignore,
      onselfclosingtag: ignore,
      ontext: ignore,
      ontextentity: ignore,
    },
  )
  tokenizer.write(html)
  tokenizer.end()
  return out + html.slice(copied)
}

/** The tokenizer's word for a value without quotes. */
const UNQUOTED = 1

const encoded = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
