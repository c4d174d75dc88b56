import assert from "node:assert/strict";
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Subscription } from "./push-browser.ts";

/** A push service with one subscription. It decrypts the push messages. */
export class PushService {
  /** The decrypted push messages that have arrived, and the errors of those that are not valid. */
  readonly messages: string[] = [];
  readonly errors: unknown[] = [];
  readonly #keys = createECDH("prime256v1");
  readonly #auth = randomBytes(16);
  readonly #server = createServer(async (request, response) => {
    const body = await buffer(request);
    try {
      this.#verify(request);
      this.messages.push(this.#decrypt(body));
    } catch (error) {
      this.errors.push(error);
    }
    response.writeHead(201).end();
  });

  /** Starts the service on a free port of this machine. */
  async start(): Promise<void> {
    this.#keys.generateKeys();
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get subscription(): Subscription {
    return {
      endpoint: `${this.#origin}/push/${this.#auth.toString("hex")}`,
      keys: { p256dh: this.#keys.getPublicKey("base64url"), auth: this.#auth.toString("base64url") },
    };
  }

  get #origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Verifies the server's signature (RFC 8292). */
  #verify({ headers }: IncomingMessage): void {
    const [, token = "", key = ""] = /^vapid t=([^,\s]+), ?k=(\S+)$/.exec(headers.authorization ?? "") ?? [];
    const [header = "", claims = "", signature = ""] = token.split(".");
    const point = Buffer.from(key, "base64url");
    const [x, y] = [point.subarray(1, 33).toString("base64url"), point.subarray(33).toString("base64url")];
    const publicKey = createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
    const signed = Buffer.from(`${header}.${claims}`);
    const isValid = verify(
      "sha256",
      signed,
      { key: publicKey, dsaEncoding: "ieee-p1363" },
      Buffer.from(signature, "base64url"),
    );
    assert.ok(isValid, "the signature must be valid");
    const { aud, exp } = JSON.parse(Buffer.from(claims, "base64url").toString());
    assert.equal(aud, this.#origin);
    assert.ok(exp > Date.now() / 1000 && exp < Date.now() / 1000 + 24 * 3600, "the token must expire within 24 hours");
  }

  /** Decrypts a push message that consists of one record (RFC 8291, RFC 8188). */
  #decrypt(body: Buffer): string {
    const [salt, keyLength] = [body.subarray(0, 16), body.readUInt8(20)];
    const serverKey = body.subarray(21, 21 + keyLength);
    const content = body.subarray(21 + keyLength);
    const secret = this.#keys.computeSecret(serverKey);
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), this.#keys.getPublicKey(), serverKey]);
    const material = Buffer.from(hkdfSync("sha256", secret, this.#auth, info, 32));
    const derive = (name: string, length: number) =>
      Buffer.from(hkdfSync("sha256", material, salt, `Content-Encoding: ${name}\0`, length));
    const decipher = createDecipheriv("aes-128-gcm", derive("aes128gcm", 16), derive("nonce", 12));
    decipher.setAuthTag(content.subarray(-16));
    const padded = Buffer.concat([decipher.update(content.subarray(0, -16)), decipher.final()]);
    return padded.subarray(0, padded.lastIndexOf(2)).toString(); // a 2 ends the content, zeros pad it
  }
}
