/**
 * Regular expressions of RE2: matched in linear time, whatever the pattern and the text.
 *
 * Patterns are compiled once while they are in use; the memory of compiled ones is bounded.
 */
import { RE2JS } from 're2js'
import { CelError } from './cel-error.ts'

const REMEMBERED_MAX = 256
const compiled = new Map<string, RE2JS>()

/** Throws CelError as Go's regexp words it. */
export const compilePattern = (pattern: string): RE2JS => {
  const known = compiled.get(pattern)
  if (known) return known
  try {
    const made = RE2JS.compile(pattern)
    if (compiled.size >= REMEMBERED_MAX) compiled.clear()
    compiled.set(pattern, made)
    return made
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CelError(reason)
  }
}

/** Whether any part of the text matches. */
export const matches = (text: string, pattern: string): boolean =>
  compilePattern(pattern).matcher(text).find()

export const findFirst = (text: string, pattern: string): string => {
  const matcher = compilePattern(pattern).matcher(text)
  return matcher.find() ? (matcher.group() ?? '') : ''
}

/** At most `limit` matches; all when it is negative. */
export const findAll = (text: string, pattern: string, limit = -1): string[] => {
  const matcher = compilePattern(pattern).matcher(text)
  const found: string[] = []
  while ((limit < 0 || found.length < limit) && matcher.find()) found.push(matcher.group() ?? '')
  return found
}
