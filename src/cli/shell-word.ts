/**
 * Text as one word of a POSIX shell's line, quoted only where it must be.
 * Invariant: the shell reads back exactly the text.
 */
export const shellWord = (text: string): string =>
  /^[\w./:,@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
