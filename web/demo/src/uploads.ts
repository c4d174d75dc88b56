import type { HearthClient, OutgoingFile, Upload } from "hearth-client";
import { useEffect, useRef, useState } from "preact/hooks";
import { keepPreview } from "./previews";
import { sentence } from "./sentence";

/** A file in the composer. */
export interface Draft {
  key: number;
  file: File;
  /** For an image. */
  previewUrl: string | undefined;
  /** From 0 to 1. */
  progress: number;
  /** Once the bytes are there. */
  sent: OutgoingFile | undefined;
  error: string | undefined;
}

export interface Uploads {
  readonly drafts: readonly Draft[];
  add(files: Iterable<File>): void;
  retry(draft: Draft): void;
  remove(draft: Draft): void;
  /** Empties the composer: a message has them now. */
  take(): OutgoingFile[];
}

let lastKey = 0;

/** The files that go with the next message: each is uploaded as soon as it is chosen. */
export function useUploads(client: HearthClient): Uploads {
  const [drafts, setDrafts] = useState<Draft[]>([]);
  const running = useRef(new Map<number, Upload>());
  useEffect(
    () => () => {
      for (const upload of running.current.values()) upload.abort();
    },
    [],
  );

  function change(key: number, news: Partial<Draft>) {
    setDrafts((drafts) => drafts.map((draft) => (draft.key === key ? { ...draft, ...news } : draft)));
  }

  async function start({ key, file, previewUrl }: Draft) {
    change(key, { error: undefined, progress: 0 });
    const upload = client.upload(file, {
      onProgress: ({ loaded, total }) => change(key, { progress: total > 0 ? loaded / total : 1 }),
    });
    running.current.set(key, upload);
    // The server may find that it can make no use of the file, even before the message is sent.
    upload.ready.catch((error) => change(key, { sent: undefined, error: sentence(error) }));
    try {
      const { id, name } = await upload.sent;
      if (previewUrl) keepPreview(id, previewUrl);
      const sent = { id, name, mimetype: file.type || "application/octet-stream", size: file.size };
      change(key, { sent: previewUrl ? { ...sent, previewUrl } : sent });
    } catch (error) {
      change(key, { error: sentence(error) });
    } finally {
      running.current.delete(key);
    }
  }

  return {
    drafts,
    add(files: Iterable<File>) {
      for (const file of files) {
        lastKey += 1;
        const previewUrl = file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined;
        const draft = { key: lastKey, file, previewUrl, progress: 0, sent: undefined, error: undefined };
        setDrafts((drafts) => [...drafts, draft]);
        start(draft);
      }
    },
    retry: start,
    remove({ key, previewUrl }: Draft) {
      running.current.get(key)?.abort();
      if (previewUrl) URL.revokeObjectURL(previewUrl);
      setDrafts((drafts) => drafts.filter((draft) => draft.key !== key));
    },
    take() {
      setDrafts([]);
      return drafts.flatMap((draft) => draft.sent ?? []);
    },
  };
}
