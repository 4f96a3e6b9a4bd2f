/**
 * JSON with exact integers: those that a double can't hold arrive as decimal strings. Objects have no prototype, so
 * that a key such as __proto__ is a key.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const longInteger = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

export function parseExactJson(text: string): Json {
  const quoted = text.replace(longInteger, (token) => (token[0] === '"' ? token : `"${token}"`));
  return JSON.parse(quoted, (_key, value) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.assign(Object.create(null), value);
  });
}
