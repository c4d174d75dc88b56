import type { Upload, UploadingFile } from "hearth-client";
import { type HearthClient, HearthError, type OutgoingFile, type Store, type ThreadEntry } from "hearth-client";
import type { DraftStorage } from "./draft-storage";
import { errorText } from "./error-text";
import type { Previews } from "./previews";

/** A file in the composer. */
export interface DraftFile {
  key: number;
  name: string;
  mimetype: string;
  size: number;
  /** The file that the user chose. Undefined if the file was uploaded for an earlier message, or before a reload. */
  file: File | undefined;
  /** Blob URL of an image for its preview. Undefined for other files. */
  previewUrl: string | undefined;
  /** Progress of the upload, from 0 to 1. */
  progress: number;
  /** Whether the upload waits for the network. It continues without an action of the user. */
  waiting: boolean;
  /** ID of the file. Undefined until all bytes are uploaded. */
  id: string | undefined;
  /** Tells the user why the file cannot be sent. */
  error: string | undefined;
  /** Whether another attempt to upload the file can succeed. */
  retryable: boolean;
}

interface Content {
  readonly text: string;
  readonly files: readonly DraftFile[];
  /** The `seq` of the message that the draft replies to; null if it is not a reply. */
  readonly replyTo: number | null;
  /**
   * The user's sent message that the composer edits, with its new text; null if there is no edit. The composer shows
   * the draft again when the edit ends.
   */
  readonly edit: { readonly seq: number; readonly text: string } | null;
}

/** Dependencies of a draft. */
export interface DraftDeps {
  client: HearthClient;
  previews: Previews;
  storage: DraftStorage;
}

const EMPTY: Content = { text: "", files: [], replyTo: null, edit: null };

let lastKey = 0;

/** The unsent message in a thread's composer. Each file is uploaded as soon as it is chosen. */
export class Draft implements Store<Content> {
  private content: Content = EMPTY;
  private readonly listeners = new Set<() => void>();
  private readonly uploads = new Map<number, Upload>();

  constructor(
    private readonly threadId: string,
    private readonly deps: DraftDeps,
  ) {
    const stored = deps.storage.read(threadId);
    if (!stored) return;
    const { files, ...others } = stored;
    this.content = { ...others, files: files.map((file) => uploadedFile(file, undefined)) };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): Content => this.content;

  get empty(): boolean {
    const { text, files, edit } = this.content;
    return text.trim() === "" && files.length === 0 && edit === null;
  }

  /** Sets the text in the composer: the text of the edit or, if no edit is open, the text of the draft. */
  write(text: string): void {
    const { edit } = this.content;
    this.update(edit ? { ...this.content, edit: { ...edit, text } } : { ...this.content, text });
  }

  /** Makes the draft a reply to the message with this `seq`, and ends an edit. */
  reply(seq: number): void {
    this.update({ ...this.content, replyTo: seq, edit: null });
  }

  /** Begins to edit a sent message of the user. */
  edit(seq: number, text: string): void {
    this.update({ ...this.content, edit: { seq, text } });
  }

  /**
   * Ends the edit. If no edit is open, the draft stops being a reply. Returns false if there was neither an edit nor a
   * reply.
   */
  cancel(): boolean {
    const { edit, replyTo } = this.content;
    this.update({ ...this.content, edit: null, replyTo: edit ? replyTo : null });
    return edit !== null || replyTo !== null;
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const { name, size } = file;
      const mimetype = file.type || "application/octet-stream";
      const previewUrl = mimetype.startsWith("image/") ? URL.createObjectURL(file) : undefined;
      const added = { ...uploadedFile({ id: "", name, mimetype, size }, previewUrl), file, progress: 0, id: undefined };
      this.update({ ...this.content, files: [...this.content.files, added] });
      this.start(added.key, file);
    }
  }

  /**
   * Adds the content of a message that could not be sent to the draft. The message's text goes before the draft's text.
   */
  restore({ key, body, attachments, replyTo }: ThreadEntry): void {
    // A file that is not uploaded has an ID that begins with the entry's key. It cannot be restored, because the entry
    // does not have its bytes.
    const uploaded = attachments.filter(({ id, status }) => !id.startsWith(`${key}/`) && status !== "failed");
    const files = uploaded.map((file) => uploadedFile(file, this.deps.previews.take(file.id)));
    const text = [body, this.content.text].filter(Boolean).join("\n");
    const reply = replyTo?.seq ?? this.content.replyTo;
    this.update({ text, files: [...this.content.files, ...files], replyTo: reply, edit: null });
  }

  retry({ key, file }: DraftFile): void {
    if (file) this.start(key, file);
  }

  remove({ key, previewUrl }: DraftFile): void {
    this.uploads.get(key)?.abort();
    if (previewUrl) URL.revokeObjectURL(previewUrl);
    this.update({ ...this.content, files: this.content.files.filter((file) => file.key !== key) });
  }

  /** Returns the content for sending, and empties the draft. Files that cannot be sent stay in it. */
  take(): { text: string; files: (OutgoingFile | UploadingFile)[]; replyTo: number | null } {
    const { text, files, replyTo } = this.content;
    this.update({ ...EMPTY, files: files.filter(({ error }) => error) });
    return { text: text.trim(), files: files.flatMap((file) => this.outgoing(file) ?? []), replyTo };
  }

  /** Empties the draft. */
  clear(): void {
    this.close();
    this.update(EMPTY);
  }

  /** Stops the uploads, and frees the memory of the previews. The stored draft stays. */
  close(): void {
    for (const upload of this.uploads.values()) upload.abort();
    for (const { previewUrl } of this.content.files) if (previewUrl) URL.revokeObjectURL(previewUrl);
  }

  private outgoing({ key, name, mimetype, size, previewUrl, id, error }: DraftFile) {
    const upload = this.uploads.get(key);
    if (error) return undefined;
    this.uploads.delete(key);
    const keep = (id: string) => previewUrl && this.deps.previews.keep(id, previewUrl);
    const shown = { name, mimetype, size, ...(previewUrl ? { previewUrl } : {}) };
    if (id) {
      keep(id);
      return { id, ...shown };
    }
    // If the upload fails, the message shows the error.
    upload?.sent.then(({ id }) => keep(id)).catch(() => {});
    return upload && { upload, ...shown };
  }

  private start(key: number, file: File): void {
    this.change(key, { error: undefined, progress: 0 });
    const upload = this.deps.client.upload(file, {
      onProgress: ({ phase, loaded, total }) =>
        this.change(key, { waiting: phase === "waiting", progress: total > 0 ? loaded / total : 1 }),
    });
    this.uploads.set(key, upload);
    const uploaded = upload.sent.then(({ id }) => this.change(key, { id, waiting: false }));
    // The server may inspect and refuse the file before the message is sent. Then the composer shows the error.
    Promise.all([uploaded, upload.ready]).catch((error) => {
      // The storage refuses an upload whose signature has expired. Another attempt gets a new signature.
      const retryable = !(error instanceof HearthError) || error.retryable || error.code === "upload_refused";
      this.change(key, { id: undefined, error: errorText(error), retryable });
    });
  }

  private change(key: number, changes: Partial<DraftFile>): void {
    if (!this.content.files.some((file) => file.key === key)) return; // the file was sent or removed meanwhile
    const files = this.content.files.map((file) => (file.key === key ? { ...file, ...changes } : file));
    this.update({ ...this.content, files });
  }

  private update(content: Content): void {
    this.content = content;
    const { text, replyTo, edit } = content;
    const files = content.files.flatMap(({ id, name, mimetype, size }) => (id ? { id, name, mimetype, size } : []));
    const keeps = text !== "" || files.length > 0 || replyTo !== null || edit !== null;
    this.deps.storage.write(this.threadId, keeps ? { text, files, replyTo, edit } : null);
    for (const listener of this.listeners) listener();
  }
}

/** The drafts of all threads. */
export class Drafts {
  private readonly drafts = new Map<string, Draft>();

  constructor(private readonly deps: DraftDeps) {}

  of(threadId: string): Draft {
    const draft = this.drafts.get(threadId) ?? new Draft(threadId, this.deps);
    this.drafts.set(threadId, draft);
    return draft;
  }

  /**
   * Returns the number of drafts with text, files or an edit, also of threads that were not opened since the page was
   * loaded.
   */
  count(): number {
    const ids = new Set([...this.drafts.keys(), ...this.deps.storage.threadIds()]);
    return [...ids].filter((threadId) => !this.of(threadId).empty).length;
  }

  /** Empties all drafts, also in the browser's storage. */
  discard(): void {
    for (const threadId of this.deps.storage.threadIds()) this.of(threadId).clear();
    for (const draft of this.drafts.values()) draft.clear();
  }

  close(): void {
    for (const draft of this.drafts.values()) draft.close();
    this.drafts.clear();
    this.deps.storage.close();
  }
}

function uploadedFile({ id, name = "", mimetype = "", size = 0 }: OutgoingFile, previewUrl?: string): DraftFile {
  lastKey += 1;
  const state = { file: undefined, progress: 1, waiting: false, error: undefined, retryable: false };
  return { key: lastKey, id, name, mimetype, size, previewUrl, ...state };
}
