import type { SocketLike } from "../../src/index.js";

/** A WebSocket that never opens. Base class for other stubs. */
export class StubSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  send(_text: string): void {}
  close(): void {}
}
