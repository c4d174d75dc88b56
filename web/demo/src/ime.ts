/**
 * Returns whether a key press belongs to an input method editor (IME) that is composing a character. Safari reports
 * this only by the key code 229.
 */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
