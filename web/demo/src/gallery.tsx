import type { Attachment, ThreadSnapshot, ThreadView } from "hearth-client";
import { useEffect, useRef, useState } from "preact/hooks";
import { FileTile, isPhoto } from "./attachment";
import { Dialog } from "./dialog";
import { formatDate } from "./format";
import { CloseIcon } from "./icons";
import "./styles/gallery.css";

/**
 * While the gallery has nothing to show, it loads at most this many pages of older messages. Then the user must ask for
 * more.
 */
const MAX_PAGES = 10;

interface Props {
  view: ThreadView;
  snapshot: ThreadSnapshot;
  /** Opens a photo in full size. */
  onOpen(entryKey: string, fileId: string): void;
  onClose(): void;
}

interface Found {
  entryKey: string;
  file: Attachment;
  author: string;
  sentAt: string;
}

/** The dialog with the photos and files of the loaded messages, the newest first. Its button loads older messages. */
export function Gallery({ view, snapshot, onOpen, onClose }: Props) {
  const { entries, hasOlder, loadingOlder } = snapshot;
  const [kind, setKind] = useState<"photos" | "files">("photos");
  const [failed, setFailed] = useState(false);
  const pages = useRef(0);
  const all = entries.toReversed().flatMap(({ key: entryKey, attachments, message, createdAt }): Found[] => {
    const ready = message ? attachments.filter(({ status }) => status === "ready") : [];
    return ready.map((file) => ({ entryKey, file, author: message?.author.name ?? "", sentAt: createdAt }));
  });
  const photos = all.filter(({ file }) => isPhoto(file));
  const files = all.filter(({ file }) => !isPhoto(file));
  const found = kind === "photos" ? photos : files;
  const oldest = entries[0]?.createdAt;

  async function loadOlder() {
    setFailed(false);
    await view.loadOlder().catch(() => setFailed(true));
  }

  const searches = found.length === 0 && hasOlder && !loadingOlder && !failed && pages.current < MAX_PAGES;
  useEffect(() => {
    if (!searches) return;
    pages.current += 1;
    loadOlder();
  }, [searches, entries]);

  return (
    <Dialog class="form-dialog gallery" label="Photos and files" onClose={onClose}>
      <header>
        <h2>Photos and files</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <CloseIcon />
        </button>
      </header>
      <fieldset class="segments">
        <legend class="hidden">Show</legend>
        {(["photos", "files"] as const).map((value) => (
          <label key={value}>
            <input type="radio" name="kind" checked={kind === value} onChange={() => setKind(value)} />
            {value === "photos" ? `Photos (${photos.length})` : `Files (${files.length})`}
          </label>
        ))}
      </fieldset>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must also scroll by keyboard */}
      <section class="found" aria-label={kind === "photos" ? "Photos" : "Files"} tabIndex={0}>
        {/* biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list */}
        <ul role="list" data-kind={kind}>
          {found.map(({ entryKey, file, author, sentAt }) => (
            <li key={`${entryKey} ${file.id}`}>
              {kind === "photos" ? (
                <button
                  type="button"
                  aria-label={`Open ${file.name}, from ${author}, ${formatDate(sentAt)}`}
                  onClick={() => onOpen(entryKey, file.id)}
                >
                  <img
                    src={file.thumbUrl}
                    alt=""
                    loading="lazy"
                    onError={() => view.refreshFile(file.id).catch(() => {})}
                  />
                </button>
              ) : (
                <>
                  <FileTile file={file} view={view} />
                  <span class="hint">
                    <bdi>{author}</bdi>, {formatDate(sentAt)}
                  </span>
                </>
              )}
            </li>
          ))}
        </ul>
        <p class="hint" role="status">
          {loadingOlder
            ? "Loading older messages …"
            : found.length === 0
              ? `No ${kind} in the messages ${hasOlder && oldest ? `since ${formatDate(oldest)}` : "of this conversation"}.`
              : hasOlder && oldest && `From the messages since ${formatDate(oldest)}.`}
        </p>
        {failed && (
          <p class="error" role="alert">
            Older messages could not be loaded.
          </p>
        )}
        {hasOlder && (
          <button type="button" class="button quiet" disabled={loadingOlder} onClick={loadOlder}>
            Load older messages
          </button>
        )}
      </section>
    </Dialog>
  );
}
