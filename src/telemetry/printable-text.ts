const plain = /^[ -~]*$/;

/** Text from outside as it may go to a terminal: one line, no control codes. */
export function printableText(text: string): string {
  return plain.test(text) ? text : text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");
}
