/** Whether a key belongs to an input method, which composes a character with it. Safari tells only by the code. */
export function composes(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
