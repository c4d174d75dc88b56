import type { HearthClient, OutgoingFile, Store, ThreadEntry, Upload } from "hearth-client";
import { errorText } from "./error-text";
import type { Previews } from "./previews";

/** A file in the composer. */
export interface DraftFile {
  key: number;
  name: string;
  /** The file that the user chose. Undefined if the file was uploaded for an earlier message that could not be sent. */
  file: File | undefined;
  /** Blob URL of an image for its preview. Undefined for other files. */
  previewUrl: string | undefined;
  /** Progress of the upload, from 0 to 1. */
  progress: number;
  /** The file as the message will reference it. Undefined until all bytes are uploaded. */
  uploaded: OutgoingFile | undefined;
  /** Tells the user why the file cannot be sent. */
  error: string | undefined;
}

interface Content {
  readonly text: string;
  readonly files: readonly DraftFile[];
  /** The `seq` of the message that the draft replies to; null if it is not a reply. */
  readonly replyTo: number | null;
  /** The user's sent message that the composer edits, with its new text. The draft waits until the edit ends. */
  readonly edit: { readonly seq: number; readonly text: string } | null;
}

const EMPTY: Content = { text: "", files: [], replyTo: null, edit: null };

let lastKey = 0;

/** The unsent message in a thread's composer. Each file is uploaded as soon as it is chosen. */
export class Draft implements Store<Content> {
  private content: Content = EMPTY;
  private readonly listeners = new Set<() => void>();
  private readonly uploads = new Map<number, Upload>();

  constructor(
    private readonly client: HearthClient,
    private readonly previews: Previews,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): Content => this.content;

  get empty(): boolean {
    const { text, files, edit } = this.content;
    return text.trim() === "" && files.length === 0 && edit === null;
  }

  /** Sets the text that is shown: that of the edit, or else that of the draft. */
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

  /** Ends the edit or, if there is none, makes the draft an ordinary message. Returns whether there was either. */
  cancel(): boolean {
    const { edit, replyTo } = this.content;
    this.update({ ...this.content, edit: null, replyTo: edit ? replyTo : null });
    return edit !== null || replyTo !== null;
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const previewUrl = file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined;
      lastKey += 1;
      const key = lastKey;
      this.append({ key, name: file.name, file, previewUrl, progress: 0, uploaded: undefined, error: undefined });
      this.start(key, file, previewUrl);
    }
  }

  /** Adds the content of a message that could not be sent. Its text goes before the text of the draft. */
  restore({ body, attachments, replyTo }: ThreadEntry): void {
    for (const { id, name, mimetype, size } of attachments) {
      const previewUrl = this.previews.take(id);
      const uploaded = outgoing({ id, name, mimetype, size }, previewUrl);
      lastKey += 1;
      this.append({ key: lastKey, name, file: undefined, previewUrl, progress: 1, uploaded, error: undefined });
    }
    const text = [body, this.content.text].filter(Boolean).join("\n");
    this.update({ ...this.content, text, replyTo: replyTo?.seq ?? this.content.replyTo, edit: null });
  }

  retry({ key, file, previewUrl }: DraftFile): void {
    if (file) this.start(key, file, previewUrl);
  }

  remove({ key, previewUrl }: DraftFile): void {
    this.uploads.get(key)?.abort();
    if (previewUrl) URL.revokeObjectURL(previewUrl);
    this.update({ ...this.content, files: this.content.files.filter((file) => file.key !== key) });
  }

  /** Returns the content for sending, with the uploaded files, and empties the draft. */
  take(): { text: string; files: OutgoingFile[]; replyTo: number | null } {
    const { text, files, replyTo } = this.content;
    this.update(EMPTY);
    for (const { uploaded, previewUrl } of files) {
      if (uploaded && previewUrl) this.previews.keep(uploaded.id, previewUrl);
    }
    return { text: text.trim(), files: files.flatMap((file) => file.uploaded ?? []), replyTo };
  }

  close(): void {
    for (const file of this.content.files) this.remove(file);
  }

  private start(key: number, file: File, previewUrl: string | undefined): void {
    this.change(key, { error: undefined, progress: 0 });
    const upload = this.client.upload(file, {
      onProgress: ({ loaded, total }) => this.change(key, { progress: total > 0 ? loaded / total : 1 }),
    });
    this.uploads.set(key, upload);
    const mimetype = file.type || "application/octet-stream";
    const uploaded = upload.sent.then(({ id, name }) =>
      this.change(key, { uploaded: outgoing({ id, name, mimetype, size: file.size }, previewUrl) }),
    );
    // The server may inspect and refuse the file before the message is sent. Then the composer shows the error.
    Promise.all([uploaded, upload.ready])
      .catch((error) => this.change(key, { uploaded: undefined, error: errorText(error) }))
      .finally(() => this.uploads.delete(key));
  }

  private append(file: DraftFile): void {
    this.update({ ...this.content, files: [...this.content.files, file] });
  }

  private change(key: number, changes: Partial<DraftFile>): void {
    const files = this.content.files.map((file) => (file.key === key ? { ...file, ...changes } : file));
    this.update({ ...this.content, files });
  }

  private update(content: Content): void {
    this.content = content;
    for (const listener of this.listeners) listener();
  }
}

/** The drafts of all threads. They are kept until sign-out, so the user can leave a thread and find the draft later. */
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

  /** Returns the number of drafts with text or files. */
  count(): number {
    return [...this.drafts.values()].filter((draft) => !draft.empty).length;
  }

  close(): void {
    for (const draft of this.drafts.values()) draft.close();
    this.drafts.clear();
  }
}

function outgoing(file: OutgoingFile, previewUrl: string | undefined): OutgoingFile {
  return previewUrl ? { ...file, previewUrl } : file;
}
