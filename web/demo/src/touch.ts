/**
 * Returns whether the device's main input is a touch screen. On such a device, the focus on a text field opens a
 * keyboard over half of the page.
 */
export function hasTouchScreen(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}
