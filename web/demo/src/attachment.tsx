import type { Attachment, ThreadView } from "hearth-client";
import { useEffect, useRef } from "preact/hooks";
import { useChat } from "./context";
import { FileName } from "./file-name";
import { formatSize } from "./format";
import { FileIcon } from "./icons";

/** Returns whether an attachment is shown as a photo. Failed images and SVG documents are shown as files. */
export function isPhoto(attachment: Attachment): boolean {
  return (
    attachment.mimetype.startsWith("image/") &&
    attachment.status !== "failed" &&
    attachment.mimetype !== "image/svg+xml"
  );
}

interface PhotoProps {
  photo: Attachment;
  /** How many more photos the message has that are not shown. */
  more: number;
  view: ThreadView;
  onOpen(): void;
}

/** Shows a photo as a thumbnail; a click on it opens the photo. While the photo is pending, shows a placeholder. */
export function PhotoTile({ photo, more, view, onOpen }: PhotoProps) {
  const { previews } = useChat();
  const renew = useRenewal(view, photo.id);
  useEffect(() => {
    if (photo.thumbUrl) previews.forget(photo.id);
  }, [photo.thumbUrl, photo.id, previews]);
  // The sender sees a local preview of the photo at once. The other members see the photo when its thumbnail is ready.
  const local = previews.of(photo.id) ?? (photo.url.startsWith("blob:") ? photo.url : undefined);
  const source = photo.thumbUrl ?? local;
  const label = more > 0 ? `Open ${photo.name}, and ${more} more` : `Open ${photo.name}`;
  if (photo.status !== "ready") {
    return (
      <div class="photo" data-pending="true" role="img" aria-label={`${photo.name}, being prepared`}>
        <span>
          <bdi>{photo.name}</bdi>
        </span>
        {source && <img src={source} alt="" decoding="async" onError={hideImage} />}
        {more > 0 && <span class="more">+{more}</span>}
      </div>
    );
  }
  return (
    <button type="button" class="photo" aria-label={label} onClick={onOpen}>
      <img src={source} alt="" decoding="async" onError={renew} />
      {more > 0 && <span class="more">+{more}</span>}
    </button>
  );
}

/** Shows an attachment that is not a photo: its name, its state, and a link to the file. */
export function FileTile({ file, view }: { file: Attachment; view: ThreadView }) {
  const renew = useRenewal(view, file.id);
  const state = { pending: "being prepared", ready: formatSize(file.size), failed: "could not be processed" }[
    file.status
  ];
  const content = (
    <>
      <FileIcon />
      <FileName name={file.name} />
      <span class="state">{state}</span>
    </>
  );
  if (file.status !== "ready") return <div class="file">{content}</div>;
  return (
    <a class="file" href={file.url} target="_blank" rel="noreferrer" onPointerEnter={renew} onFocus={renew}>
      {content}
    </a>
  );
}

/** Hides an image that the browser cannot show, so that the file's name or icon below it is visible. */
export function hideImage(event: Event): void {
  (event.currentTarget as HTMLElement).hidden = true;
}

const HOUR = 3_600_000;

/**
 * Returns a function that requests new URLs for a file, at most once an hour. It must be called when a URL does not
 * work or is about to be used, because URLs expire after 6 to 12 hours.
 */
export function useRenewal(view: ThreadView, fileId: string): () => void {
  const renewedAt = useRef(Date.now());
  return () => {
    if (Date.now() - renewedAt.current < HOUR) return;
    renewedAt.current = Date.now();
    view.refreshFile(fileId).catch(() => {}); // if this fails, the old URL stays; it may still be valid
  };
}
