import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A page that the local cloud does not know, as any web server on this machine could serve it. */
export class ForeignServer {
  #server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>A foreign page</title>");
  });

  /** Starts the server on a free port. */
  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  stop(): void {
    this.#server.close();
  }

  /** The port, once the server has started. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
}
