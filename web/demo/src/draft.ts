import type { Attachment, HearthClient, OutgoingFile, Store, Upload } from "hearth-client";
import type { Previews } from "./previews";
import { sentence } from "./sentence";

/** A file in the composer. */
export interface DraftFile {
  key: number;
  name: string;
  /** What is uploaded; undefined for one that a refused message brought back. */
  file: File | undefined;
  /** For an image. */
  previewUrl: string | undefined;
  /** From 0 to 1. */
  progress: number;
  /** Once the bytes are there. */
  sent: OutgoingFile | undefined;
  error: string | undefined;
}

interface Content {
  readonly text: string;
  readonly files: readonly DraftFile[];
}

let lastKey = 0;

/** A message that is being written. Each of its files is uploaded as soon as it is chosen. */
export class Draft implements Store<Content> {
  private content: Content = { text: "", files: [] };
  private readonly listeners = new Set<() => void>();
  private readonly running = new Map<number, Upload>();

  constructor(
    private readonly client: HearthClient,
    private readonly previews: Previews,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): Content => this.content;

  write(text: string): void {
    this.keep({ ...this.content, text });
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const previewUrl = file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined;
      lastKey += 1;
      const key = lastKey;
      this.append({ key, name: file.name, file, previewUrl, progress: 0, sent: undefined, error: undefined });
      this.start(key, file, previewUrl);
    }
  }

  /** Takes back what was in a message. */
  restore(text: string, attachments: readonly Attachment[]): void {
    for (const { id, name, mimetype, size } of attachments) {
      const previewUrl = this.previews.take(id);
      const sent = outgoing({ id, name, mimetype, size }, previewUrl);
      lastKey += 1;
      this.append({ key: lastKey, name, file: undefined, previewUrl, progress: 1, sent, error: undefined });
    }
    this.write([text, this.content.text].filter(Boolean).join("\n"));
  }

  retry({ key, file, previewUrl }: DraftFile): void {
    if (file) this.start(key, file, previewUrl);
  }

  remove({ key, previewUrl }: DraftFile): void {
    this.running.get(key)?.abort();
    if (previewUrl) URL.revokeObjectURL(previewUrl);
    this.keep({ ...this.content, files: this.content.files.filter((file) => file.key !== key) });
  }

  /** Empties it: a message has it now. */
  take(): { text: string; files: OutgoingFile[] } {
    const { text, files } = this.content;
    this.keep({ text: "", files: [] });
    for (const { sent, previewUrl } of files) if (sent && previewUrl) this.previews.keep(sent.id, previewUrl);
    return { text: text.trim(), files: files.flatMap((file) => file.sent ?? []) };
  }

  close(): void {
    for (const file of this.content.files) this.remove(file);
  }

  private start(key: number, file: File, previewUrl: string | undefined): void {
    this.change(key, { error: undefined, progress: 0 });
    const upload = this.client.upload(file, {
      onProgress: ({ loaded, total }) => this.change(key, { progress: total > 0 ? loaded / total : 1 }),
    });
    this.running.set(key, upload);
    const mimetype = file.type || "application/octet-stream";
    const sent = upload.sent.then(({ id, name }) =>
      this.change(key, { sent: outgoing({ id, name, mimetype, size: file.size }, previewUrl) }),
    );
    // The server may find that it can make no use of the file, even before the message is sent.
    Promise.all([sent, upload.ready])
      .catch((error) => this.change(key, { sent: undefined, error: sentence(error) }))
      .finally(() => this.running.delete(key));
  }

  private append(file: DraftFile): void {
    this.keep({ ...this.content, files: [...this.content.files, file] });
  }

  private change(key: number, news: Partial<DraftFile>): void {
    const files = this.content.files.map((file) => (file.key === key ? { ...file, ...news } : file));
    this.keep({ ...this.content, files });
  }

  private keep(content: Content): void {
    this.content = content;
    for (const listener of this.listeners) listener();
  }
}

/** What was written and not sent, by thread: it is there again when one comes back. */
export class Drafts {
  private readonly drafts = new Map<string, Draft>();

  constructor(
    private readonly client: HearthClient,
    private readonly previews: Previews,
  ) {}

  of(threadId: string): Draft {
    const draft = this.drafts.get(threadId) ?? new Draft(this.client, this.previews);
    this.drafts.set(threadId, draft);
    return draft;
  }

  close(): void {
    for (const draft of this.drafts.values()) draft.close();
    this.drafts.clear();
  }
}

function outgoing(file: OutgoingFile, previewUrl: string | undefined): OutgoingFile {
  return previewUrl ? { ...file, previewUrl } : file;
}
