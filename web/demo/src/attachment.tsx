import type { Attachment, ThreadView } from "hearth-client";
import { useEffect, useRef } from "preact/hooks";
import { useChat } from "./context";
import { FileIcon } from "./icons";
import { sizeOf } from "./time";

export function isPhoto(attachment: Attachment): boolean {
  return (
    attachment.mimetype.startsWith("image/") &&
    attachment.status !== "failed" &&
    attachment.mimetype !== "image/svg+xml"
  );
}

interface PhotoProps {
  photo: Attachment;
  view: ThreadView;
  onOpen(): void;
}

/** A thumbnail that opens the photo, or the place where it will be. */
export function PhotoTile({ photo, view, onOpen }: PhotoProps) {
  const { previews } = useChat();
  const renew = useRenewal(view, photo.id);
  useEffect(() => {
    if (photo.thumbUrl) previews.forget(photo.id);
  }, [photo.thumbUrl, photo.id, previews]);
  // Whoever sends a photo sees it at once; the others see it when it has been looked at.
  const source = photo.thumbUrl ?? previews.of(photo.id);
  if (photo.status !== "ready") {
    return (
      <div class="photo" data-pending="true" role="img" aria-label={`${photo.name}, being prepared`}>
        <span>{photo.name}</span>
        {source && <img src={source} alt="" onError={hide} />}
      </div>
    );
  }
  return (
    <button type="button" class="photo" aria-label={`Open ${photo.name}`} onClick={onOpen}>
      <img src={source} alt="" onError={renew} />
    </button>
  );
}

/** Anything that is not a photo: its name, and where to get it. */
export function FileTile({ file, view }: { file: Attachment; view: ThreadView }) {
  const renew = useRenewal(view, file.id);
  const state = { pending: "being prepared", ready: sizeOf(file.size), failed: "could not be made use of" }[
    file.status
  ];
  const content = (
    <>
      <FileIcon />
      <span class="name">{file.name}</span>
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

/** A picture that the browser cannot show leaves its name to be seen. */
export function hide(event: Event): void {
  (event.currentTarget as HTMLElement).hidden = true;
}

const HOUR = 3_600_000;

/** URLs of files run out after some hours: this asks for new ones, once an hour at most. */
export function useRenewal(view: ThreadView, fileId: string): () => void {
  const asked = useRef(Date.now());
  return () => {
    if (Date.now() - asked.current < HOUR) return;
    asked.current = Date.now();
    view.refreshFile(fileId).catch(() => {}); // the old one stays, which may be good still
  };
}
