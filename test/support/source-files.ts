/**
 * The source files as the tidy test sees them: their text, their code without strings and comments, their imports.
 *
 * It scans, it does not parse: enough for rules that a reader checks at a glance.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export interface Import {
  /** A path from the project's root for our own files, otherwise the package's name as written. */
  target: string
  isOwn: boolean
  /** Only types are imported, so nothing remains of it at run time. */
  typeOnly: boolean
}

export interface SourceFile {
  /** From the project's root, e.g. `src/api/kind.ts`. */
  path: string
  text: string
  lines: string[]
  /** The text with the contents of strings, comments and regular expressions blanked; same lines. */
  code: string
  imports: Import[]
  functions: FunctionBody[]
}

/** A function with a body in braces. */
export interface FunctionBody {
  /** Line of the brace that opens the body, from 1. */
  line: number
  /** Lines between its braces that hold code, those of functions inside it too. */
  codeLines: number
}

export const readSourceFiles = (folder: string): SourceFile[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => readSourceFile(join(entry.parentPath, entry.name)))
    .sort((one, other) => (one.path < other.path ? -1 : 1))

const readSourceFile = (path: string): SourceFile => {
  const text = readFileSync(path, 'utf8')
  const code = blankStrings(text)
  return {
    path,
    text,
    lines: text.split('\n'),
    code,
    imports: importsOf(path, text),
    functions: functionsOf(code),
  }
}

const importsOf = (path: string, text: string): Import[] => {
  const found: Import[] = []
  const add = (target: string, typeOnly: boolean) => {
    const isOwn = target.startsWith('.')
    found.push({ target: isOwn ? normalize(join(dirname(path), target)) : target, isOwn, typeOnly })
  }
  for (const [, keyword, names = '', target = ''] of text.matchAll(
    /^(import|export)\s+(?:([^'"`;]*?)\s+from\s+)?'([^']+)'/gm,
  ))
    if (keyword === 'import' || names) add(target, isTypeOnly(names))
  for (const [, target = ''] of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) add(target, false)
  return found
}

const isTypeOnly = (names: string): boolean => {
  if (/^type\b/.test(names)) return true
  const listed = /^\{([\s\S]*)\}$/.exec(names.trim())
  const each = listed?.[1]
    ?.split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  return each !== undefined && each.length > 0 && each.every((name) => name.startsWith('type '))
}

/** What stands before the brace of an arrow function, or of a function or method (then with its parameters). */
const BEFORE_BODY = /(?:=>\s*\(?\s*|(\)(?:\s*:\s*[\w.,|<>[\]\s]+)?)\s*)$/
/** What stands before the parentheses of a statement, which are no parameters. */
const BEFORE_CONDITION = /\b(?:if|for|for await|while|switch|catch)\s*$/

const functionsOf = (code: string): FunctionBody[] => {
  const found: FunctionBody[] = []
  /** Where each brace not yet closed stands. */
  const open: number[] = []
  for (const { 0: brace, index } of code.matchAll(/[{}]/g)) {
    if (brace === '{') {
      open.push(index)
      continue
    }
    const from = open.pop() ?? 0
    if (!opensBody(code, from)) continue
    const inside = code.slice(from + 1, index).split('\n')
    found.push({
      line: code.slice(0, from).split('\n').length,
      codeLines: inside.filter((line) => line.trim()).length,
    })
  }
  return found
}

const opensBody = (code: string, brace: number): boolean => {
  const before = code.slice(Math.max(0, brace - 200), brace)
  const match = BEFORE_BODY.exec(before)
  if (!match) return false
  if (!match[1]) return true
  const close = brace - before.length + match.index
  return !BEFORE_CONDITION.test(code.slice(0, startOfParentheses(code, close)).slice(-20))
}

const startOfParentheses = (code: string, close: number): number => {
  let depth = 0
  for (let at = close; at >= 0; at--) {
    if (code[at] === ')') depth++
    if (code[at] === '(' && --depth === 0) return at
  }
  return 0
}

/** What may stand before a slash that begins a regular expression. */
const BEFORE_PATTERN = /(?:^|[(,=:[!&|?{};>\n]|\breturn|\bcase)\s*$/

const blankStrings = (text: string): string => {
  let code = ''
  let at = 0
  /** Depth of braces at which each enclosing template literal goes on. */
  const templates: number[] = []
  let depth = 0
  const skipTo = (end: number) => {
    code += text.slice(at, end).replace(/[^\n]/g, ' ')
    at = end
  }
  while (at < text.length) {
    const character = text[at] as string
    const pair = text.slice(at, at + 2)
    if (pair === '//') skipTo(endOr(text, '\n', at))
    else if (pair === '/*') skipTo(endOr(text, '*/', at) + 2)
    else if (character === "'" || character === '"') skipTo(endOfQuoted(text, at, character))
    else if (character === '/' && BEFORE_PATTERN.test(code.slice(-40)))
      skipTo(endOfPattern(text, at))
    else if (character === '`' || (character === '}' && templates.at(-1) === depth)) {
      if (character === '}') templates.pop()
      const end = endOfTemplatePart(text, at + 1)
      if (text[end - 1] === '{') templates.push(depth)
      skipTo(end)
    } else {
      if (character === '{') depth++
      if (character === '}') depth--
      code += character
      at++
    }
  }
  return code
}

const endOr = (text: string, wanted: string, from: number): number => {
  const end = text.indexOf(wanted, from)
  return end < 0 ? text.length : end
}

const endOfQuoted = (text: string, from: number, quote: string): number => {
  let at = from + 1
  while (at < text.length && text[at] !== quote && text[at] !== '\n')
    at += text[at] === '\\' ? 2 : 1
  return at + 1
}

const endOfPattern = (text: string, from: number): number => {
  let at = from + 1
  let inClass = false
  while (at < text.length && text[at] !== '\n' && (text[at] !== '/' || inClass)) {
    if (text[at] === '[') inClass = true
    if (text[at] === ']') inClass = false
    at += text[at] === '\\' ? 2 : 1
  }
  return at + 1
}

/** After the closing backtick, or after the `${` that interrupts the template. */
const endOfTemplatePart = (text: string, from: number): number => {
  let at = from
  while (at < text.length) {
    if (text[at] === '`') return at + 1
    if (text.startsWith('${', at)) return at + 2
    at += text[at] === '\\' ? 2 : 1
  }
  return at
}
