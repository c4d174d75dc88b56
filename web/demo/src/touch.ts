/** Returns whether the user touches the screen. There, the focus on a text field opens a keyboard over half of the page. */
export function hasTouchScreen(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}
