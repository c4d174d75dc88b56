import type { Locator } from "playwright-core";
import { call } from "./browser.ts";

/** Uploads a file as a demo user, waits until it is ready or has failed, and returns its ID. */
export async function upload(name: string, filename: string, mimetype: string, bytes: Buffer): Promise<string> {
  interface Created {
    uploadUrl: string;
    headers: Record<string, string>;
    file: { id: string };
  }
  const created = await call<Created>(name, "POST", "/api/files", { filename, mimetype, size: bytes.length });
  const headers = { "content-type": mimetype, ...created.headers };
  const put = await fetch(created.uploadUrl, { method: "PUT", headers, body: new Uint8Array(bytes) });
  if (!put.ok) throw new Error(`The upload of ${filename} failed: ${put.status} ${await put.text()}`);
  const { id } = created.file;
  while ((await call<{ status: string }>(name, "GET", `/api/files/${id}/status`)).status === "pending") {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return id;
}

/** Returns a WAV file with silence, of two seconds if no number is given. */
export function silence(seconds = 2): Buffer {
  const samples = 8_000 * seconds;
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8_000, 24);
  header.writeUInt32LE(8_000, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples, 40);
  return Buffer.concat([header, Buffer.alloc(samples, 128)]);
}

/** Plays a file without sound, and waits until it is playing. */
export async function play(player: Locator): Promise<void> {
  await player.evaluate(async (element: HTMLMediaElement) => {
    element.muted = true;
    await element.play();
  });
}
